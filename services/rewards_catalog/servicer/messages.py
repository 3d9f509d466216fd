"""Between the contract's messages and the catalog's own words."""

from __future__ import annotations

from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit.grpc.messages import timestamp
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.codes import Rejection
from rewards_catalog.domain.redemption import Redemption, State
from rewards_catalog.domain.refund_terms import RefundPolicy
from rewards_catalog.domain.reward import Reward
from rewards_catalog.domain.shelf import Offer
from rewards_catalog.servicer.kinds import write_cash, write_kind

REJECTIONS = {
    Rejection.DUPLICATE: pb.CODE_REJECTION_DUPLICATE,
    Rejection.MALFORMED: pb.CODE_REJECTION_MALFORMED,
    Rejection.MISTYPED: pb.CODE_REJECTION_MISTYPED,
}


def offer_message(offer: Offer) -> pb.Offer:
    """A reward as one account sees it."""
    return pb.Offer(
        reward=reward_message(offer.reward),
        affordable=offer.affordable,
        points_to_go=offer.points_to_go,
        title=offer.texts.title,
        description=offer.texts.description,
    )


def reward_message(reward: Reward) -> res.Reward:
    """A reward."""
    shown = res.Reward(
        name=reward.name,
        version=reward.version,
        title=reward.title,
        description=reward.description,
        localizations={
            locale: res.RewardTexts(title=texts.title, description=texts.description)
            for locale, texts in reward.localizations.items()
        },
        image_uri=reward.image_uri,
        category=reward.category,
        terms=reward.terms,
        unit=f"programs/{reward.program}/units/{reward.unit}",
        price=reward.price,
        fulfilment=res.Fulfilment.Value(f"FULFILMENT_{reward.fulfilment}"),
        provider=f"programs/{reward.program}/providers/{reward.provider}" if reward.provider else "",
        limit_per_account=reward.limits.per_account,
        limit_in_all=reward.limits.in_all,
        start_time=None if reward.start_time is None else timestamp(reward.start_time),
        end_time=None if reward.end_time is None else timestamp(reward.end_time),
        state=res.RewardState.Value(f"REWARD_STATE_{reward.state}"),
        available=reward.available,
        redeemed_count=reward.redeemed,
        create_time=timestamp(reward.create_time),
        update_time=timestamp(reward.update_time),
    )
    if reward.audience != Groups():
        shown.audience.tiers.extend(reward.audience.tiers)
        shown.audience.segments.extend(reward.audience.segments)
    if reward.cash is not None:
        shown.cash.CopyFrom(write_cash(reward.cash))
    if reward.points_range is not None:
        shown.points_range.min_points = reward.points_range.min_points
        shown.points_range.step_points = reward.points_range.step_points
        shown.points_range.step_cash.CopyFrom(write_cash(reward.points_range.step_cash))
    if reward.refund.policy is not RefundPolicy.NONE:
        shown.refund_policy = res.RefundPolicy.Value(f"REFUND_POLICY_{reward.refund.policy}")
        shown.refund_days = reward.refund.days
    if reward.limits.period is not None:
        shown.limit_per_period.limit = reward.limits.per_period
        shown.limit_per_period.period = res.Period.Value(f"PERIOD_{reward.limits.period}")
    write_kind(shown, reward.kind)
    return shown


def redemption_message(redemption: Redemption) -> res.Redemption:
    """The redemption without its code."""
    shown = res.Redemption(
        name=redemption.name,
        reward=redemption.reward_name,
        reward_version=redemption.reward_version,
        account=redemption.account,
        title=redemption.title,
        price=redemption.price,
        state=res.RedemptionState.Value(f"REDEMPTION_STATE_{redemption.state}"),
        payment=redemption.payment,
        transaction=redemption.transaction,
        refund_transaction=redemption.refund_transaction,
        wallet=redemption.wallet,
        credit_transaction=redemption.credit,
        refunded_points=redemption.refunded,
        create_time=timestamp(redemption.create_time),
        update_time=timestamp(redemption.update_time),
    )
    if redemption.cash is not None and redemption.payment_end_time is not None:
        shown.cash.CopyFrom(write_cash(redemption.cash))
        shown.payment_end_time.CopyFrom(timestamp(redemption.payment_end_time))
    if redemption.transfer is not None:
        shown.destination_account_id = redemption.transfer.destination
        if redemption.state is State.FULFILLED:
            shown.received_points, shown.exchange = redemption.transfer.received, redemption.transfer.exchange
    if redemption.value is not None:
        shown.value.CopyFrom(write_cash(redemption.value))
    if redemption.failure is not None:
        shown.failure.reason = redemption.failure.reason
        shown.failure.metadata.update(redemption.failure.metadata)
    return shown
