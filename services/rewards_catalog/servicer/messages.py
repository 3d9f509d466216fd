"""Between the contract's messages and the catalog's own words."""

from __future__ import annotations

from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit.grpc.messages import timestamp
from rewards_catalog.domain.codes import Rejection
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.reward import Fulfilment, Offer, Reward

FULFILMENTS = {
    res.FULFILMENT_STOCK: Fulfilment.STOCK,
    res.FULFILMENT_UNLIMITED: Fulfilment.UNLIMITED,
    res.FULFILMENT_CODE_POOL: Fulfilment.CODE_POOL,
}
REJECTIONS = {
    Rejection.DUPLICATE: pb.CODE_REJECTION_DUPLICATE,
    Rejection.MALFORMED: pb.CODE_REJECTION_MALFORMED,
}


def offer_message(offer: Offer) -> pb.Offer:
    """A reward as one account sees it."""
    return pb.Offer(reward=reward_message(offer.reward), affordable=offer.affordable, points_to_go=offer.points_to_go)


def reward_message(reward: Reward) -> res.Reward:
    """A reward."""
    return res.Reward(
        name=reward.name,
        title=reward.title,
        description=reward.description,
        unit=f"programs/{reward.program}/units/{reward.unit}",
        price=reward.price,
        fulfilment=res.Fulfilment.Value(f"FULFILMENT_{reward.fulfilment}"),
        limit_per_account=reward.limit_per_account,
        state=res.RewardState.Value(f"REWARD_STATE_{reward.state}"),
        available=reward.available,
        create_time=timestamp(reward.create_time),
    )


def redemption_message(redemption: Redemption) -> res.Redemption:
    """The redemption without its code."""
    shown = res.Redemption(
        name=redemption.name,
        reward=redemption.reward_name,
        account=redemption.account,
        title=redemption.title,
        price=redemption.price,
        state=res.RedemptionState.Value(f"REDEMPTION_STATE_{redemption.state}"),
        transaction=redemption.transaction,
        refund_transaction=redemption.refund_transaction,
        create_time=timestamp(redemption.create_time),
        update_time=timestamp(redemption.update_time),
    )
    if redemption.failure is not None:
        shown.failure.reason = redemption.failure.reason
        shown.failure.metadata.update(redemption.failure.metadata)
    return shown
