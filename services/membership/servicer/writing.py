"""From the domain to the contract's messages."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.membership.v1 import basket_pb2, given_reward_pb2, member_pb2, membership_pb2, program_pb2, purchase_pb2
from guerdon.type.v1 import cash_pb2
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.grpc.status import to_status
from membership.domain.accounts import wallet_id
from membership.domain.claims import GuestPurchase
from membership.domain.earning import explain_return
from membership.domain.explaining import explain, tell
from membership.domain.flags import Flag
from membership.domain.gifts import Gift
from membership.domain.late_changes import AwardChange
from membership.domain.members import Ended
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, GoodsReturn, Purchase, State
from membership.domain.tranches import Tranche, Wait
from membership.domain.velocity import Subject
from membership.domain.waits import Awaited
from membership.operations.imports import Imported
from membership.operations.members import Standing
from membership.servicer.baskets import write_award, write_basket
from membership.servicer.policies import METRICS, write_availability, write_expiry, write_tier_policy
from membership.servicer.rule_messages import write_rule
from membership.store.programs import Totals

_PURCHASE_STATES = {
    State.PENDING: purchase_pb2.Purchase.STATE_PENDING,
    State.POSTED: purchase_pb2.Purchase.STATE_POSTED,
    State.LAPSED: purchase_pb2.Purchase.STATE_LAPSED,
}
_RETURN_STATES = {
    State.PENDING: purchase_pb2.Return.STATE_PENDING,
    State.POSTED: purchase_pb2.Return.STATE_POSTED,
    State.WAITING: purchase_pb2.Return.STATE_WAITING,
    State.UNMATCHED: purchase_pb2.Return.STATE_UNMATCHED,
}
_ENDED = {Ended.CLOSED: member_pb2.Member.STATE_CLOSED, Ended.ERASED: member_pb2.Member.STATE_ERASED}
_MEMBER_STATES = {State.PENDING: member_pb2.Member.STATE_PENDING, State.POSTED: member_pb2.Member.STATE_ACTIVE}


def program(found: Program) -> program_pb2.Program:
    """A program's settings."""
    settings = found.settings
    return program_pb2.Program(
        name=found.name,
        unit=f"{found.name}/units/{settings.unit_id}",
        currency_code=settings.currency_code,
        time_zone=found.time_zone,
        earning_rule=write_rule(settings.rule),
        expiry_policy=None if settings.expiry is None else write_expiry(settings.expiry),
        tier_policy=write_tier_policy(settings.tier_policy),
        welcome_points=settings.welcome_points,
        claim_days=settings.claim_days,
        purchase_statistics=settings.purchase_statistics,
        return_wait_days=settings.return_wait_days,
        expiry_reminder_days=settings.expiry_reminder_days,
        late_days=settings.late_days,
        return_window_days=settings.return_window_days,
        never_locked=settings.never_locked,
        welcome_reward=f"{found.name}/rewards/{settings.welcome_reward}" if settings.welcome_reward else "",
        availability=None if settings.availability is None else write_availability(settings.availability),
        tiers=[
            program_pb2.Tier(tier_id=tier.tier_id, threshold=tier.threshold, multiplier=rational(tier.multiplier))
            for tier in settings.tiers
        ],
        create_time=timestamp(found.create_time),
        return_policy=program_pb2.RETURN_POLICY_MILD if settings.mild_returns else program_pb2.RETURN_POLICY_STRICT,
    )


def totals(found: Program, sums: Totals) -> membership_pb2.GetProgramTotalsResponse:
    """A program's totals."""
    tiers = [
        membership_pb2.GetProgramTotalsResponse.TierCount(
            tier_id=tier.tier_id, member_count=sums.members_by_level.get(level, 0)
        )
        for level, tier in enumerate(found.settings.tiers, start=1)
    ]
    return membership_pb2.GetProgramTotalsResponse(
        member_count=sums.member_count,
        purchase_count=sums.purchase_count,
        base_points=sums.base_points,
        tier_points=sums.tier_points,
        rule_points=sums.rule_points,
        welcome_points=sums.welcome_points,
        returned_points=sums.returned_points,
        pending_purchase_count=sums.pending_purchase_count,
        tiers=tiers,
    )


def member(found: Program, standing: Standing) -> member_pb2.Member:
    """A member."""
    one = standing.member
    return member_pb2.Member(
        name=f"{found.name}/members/{one.member_id}",
        account=f"{found.name}/accounts/{one.account_id}",
        state=_ENDED[one.ended] if one.ended else _MEMBER_STATES[one.state],
        enroll_time=timestamp(one.enroll_time),
        welcome_points=one.welcome_points,
        tier_id=standing.progress.tier_id,
        plan=f"{found.name}/plans/{standing.plan.plan_id}" if standing.plan else "",
        plan_end_time=timestamp(standing.plan.end_time) if standing.plan else None,
    )


def progress(found: Program, standing: Standing) -> member_pb2.TierProgress:
    """Where a member stands."""
    one = standing.progress
    return member_pb2.TierProgress(
        as_of_time=timestamp(standing.as_of),
        counted=one.counted,
        counting_later=one.counting_later,
        metric=METRICS[found.settings.tier_policy.metric],
        tier_id=one.tier_id,
        multiplier=rational(one.multiplier),
        tier_end_time=optional_timestamp(one.tier_end_time),
        next_tier_id=one.next_tier_id,
        missing_to_next_tier=one.missing_to_next_tier,
    )


def purchase(found: Program, one: Purchase) -> purchase_pb2.Purchase:
    """A purchase with its rating."""
    awards = tell(one)
    basket = one.terms.basket if isinstance(one.terms, FrozenTerms) else None
    return purchase_pb2.Purchase(
        name=f"{found.name}/purchases/{one.purchase_id}",
        member=f"{found.name}/members/{one.member_id}",
        event_time=timestamp(one.event_time),
        amount=cash(found, one.amount),
        state=_PURCHASE_STATES[one.state],
        rating=purchase_pb2.Rating(
            base_points=one.award.base_points,
            tier_points=one.award.tier_points,
            rule_points=one.award.rule_points,
            tier_id=found.tier_set.tier_id(one.level),
            multiplier=rational(found.tier_set.multiplier(one.level)),
            awards=[write_award(found, award) for award in awards],
            explanation=explain(one, awards),
            expire_time=optional_timestamp(one.expire_time),
            count_points=one.terms.count_points(one.tallies) if isinstance(one.terms, FrozenTerms) else 0,
            available_time=optional_timestamp(one.available_time),
            tranches=map(_tranche, one.terms.tranches) if isinstance(one.terms, FrozenTerms) else (),
            wallet_awards=[
                purchase_pb2.WalletAward(
                    unit=f"{found.name}/units/{wallet.unit}",
                    account=f"{found.name}/accounts/{wallet_id(one.member_id, wallet.unit)}",
                    amount=sum(wallet.points),
                    tranches=map(_tranche, wallet.tranches),
                )
                for wallet in (one.terms.wallets if isinstance(one.terms, FrozenTerms) else ())
                if any(wallet.points)
            ],
            wait=next((_wait(credit.wait) for credit in one.awaited if not credit.place and credit.wait.event), None),
        ),
        returned_amount=cash(found, one.returned_amount),
        returned_points=one.returned_points,
        record_time=timestamp(one.record_time),
        basket=None if basket is None else write_basket(basket),
        award_changes=[_award_change(found, change) for change in one.changes],
        flag=None if one.flag is None else _flag(found, one.flag),
        given_rewards=[gift(found, given) for given in one.gifts],
        awaited_points=[_awaited(one, credit) for credit in one.awaited],
    )


def gift(found: Program, one: Gift) -> given_reward_pb2.GivenReward:
    """A reward that was given, or is to be."""
    return given_reward_pb2.GivenReward(
        name=f"{found.name}/givenRewards/{one.gift_id}",
        member=f"{found.name}/members/{one.member_id}",
        purchase=f"{found.name}/purchases/{one.purchase_id}" if one.purchase_id else "",
        rule=f"{found.name}/rules/{one.rule_id}" if one.rule_id else "",
        reward=f"{found.name}/rewards/{one.reward}",
        state=given_reward_pb2.GivenReward.State.ValueType(one.state),
        redemption=f"{found.name}/redemptions/{one.redemption}" if one.redemption else "",
        reason=one.reason,
        overdue=one.overdue,
    )


def _wait(one: Wait) -> purchase_pb2.Wait:
    return purchase_pb2.Wait(event=one.event, until_time=timestamp(one.until), released_after=one.released)


def _awaited(of: Purchase, one: Awaited) -> purchase_pb2.AwaitedPoints:
    return purchase_pb2.AwaitedPoints(
        wait=_wait(one.wait),
        points=of.credits[one.place],
        state=purchase_pb2.AwaitedPoints.State.ValueType(one.state),
        end_time=optional_timestamp(one.end_time),
    )


def _tranche(one: Tranche) -> purchase_pb2.Tranche:
    return purchase_pb2.Tranche(
        points=one.points,
        available_time=optional_timestamp(one.available_time),
        expire_time=optional_timestamp(one.expire_time),
        wait=None if one.wait is None else _wait(one.wait),
    )


def _flag(found: Program, one: Flag) -> purchase_pb2.AwardFlag:
    return purchase_pb2.AwardFlag(
        state=purchase_pb2.AwardFlag.State.ValueType(one.state),
        passed=[
            purchase_pb2.AwardFlag.Passed(
                subject=passed.limit.subject.name.lower(),
                value=f"{found.name}/members/{passed.value}"
                if passed.limit.subject is Subject.MEMBER
                else passed.value,
                period=passed.limit.period.name.lower(),
                purchases=passed.counted.purchases,
                max_purchases=passed.limit.max_purchases,
                points=passed.counted.points,
                max_points=passed.limit.max_points,
            )
            for passed in one.passed
        ],
        decide_time=optional_timestamp(one.decide_time),
        decided_by=one.decided_by,
        reason=one.reason,
    )


def _award_change(found: Program, one: AwardChange) -> purchase_pb2.AwardChange:
    return purchase_pb2.AwardChange(
        late_event=f"{found.name}/{one.late_event}",
        record_time=timestamp(one.record_time),
        points_before=one.points_before,
        points=one.points_after,
        returned_points_before=one.returned_before,
        returned_points=one.returned_after,
    )


def guest_purchase(found: Program, one: GuestPurchase) -> purchase_pb2.Purchase:
    """A purchase of nobody known."""
    return purchase_pb2.Purchase(
        name=f"{found.name}/purchases/{one.purchase_id}",
        event_time=timestamp(one.event_time),
        amount=cash(found, one.amount),
        state=purchase_pb2.Purchase.STATE_UNCLAIMED,
        returned_amount=cash(found, 0),
        record_time=timestamp(one.record_time),
        basket=None if one.basket is None else write_basket(one.basket),
    )


def goods_return(found: Program, one: GoodsReturn, of: Purchase | None) -> purchase_pb2.Return:
    """A return with what it took of the purchase, if that has arrived."""
    before = one.cumulative_points - one.points
    return purchase_pb2.Return(
        name=f"{found.name}/returns/{one.return_id}",
        purchase=f"{found.name}/purchases/{one.purchase_id}",
        event_time=timestamp(one.event_time),
        amount=cash(found, one.amount),
        state=_RETURN_STATES[one.state],
        points=one.points,
        cumulative_points=one.cumulative_points,
        explanation=explain_return(of.award.points, one.cumulative_points, before) if of else "",
        record_time=timestamp(one.record_time),
        reversed_points=one.reversed_points,
        lines=[basket_pb2.ReturnedLine(line_id=line_id, quantity=pieces) for line_id, pieces in one.lines],
        whole_order=one.whole,
    )


def imported(one: Imported) -> membership_pb2.ImportPurchasesResponse:
    """What became of a chunk."""
    return membership_pb2.ImportPurchasesResponse(
        request_id=one.request_id,
        first_row=one.first_row,
        recorded_count=one.recorded,
        already_recorded_count=one.already_recorded,
        enrolled_count=one.enrolled,
        base_points=one.base_points,
        tier_points=one.tier_points,
        rule_points=one.rule_points,
        pending_count=one.pending,
        errors=[
            membership_pb2.ImportPurchasesResponse.RowError(row=row, error=to_status(error))
            for row, error in one.errors
        ],
        replayed=one.replayed,
    )


def optional_timestamp(time: datetime | None) -> Timestamp | None:
    """A time, or its absence."""
    return None if time is None else timestamp(time)


def tell_replay(call: CallContext, replayed: bool) -> None:
    """Marks an answer as that of a request that had come before."""
    if replayed:
        call.mark_replayed()


def cash(found: Program, minor_units: int) -> cash_pb2.Cash:
    """An amount of the program's currency."""
    return cash_pb2.Cash(minor_units=minor_units, currency_code=found.settings.currency_code)
