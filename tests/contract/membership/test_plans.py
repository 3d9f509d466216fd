"""Paid membership: a plan bought for a period brings what asks for it, and what was not used is refunded in full."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, NotFoundError, new_request_id, was_replayed
from guerdon.membership.v1 import membership_pb2 as membership
from guerdon.membership.v1 import plan_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2
from guerdon.type.v1 import rational_pb2
from tests.contract.membership.people import close, get, merge, name
from tests.contract.membership.test_consents import reason
from tests.contract.membership.test_segments import make as make_segment
from tests.contract.membership.test_segments import segments_of
from tests.contract.membership.test_simulations import DOUBLE, PER_DOLLAR, costs, draft, simulate
from tests.contract.membership.world import Shop, usd


def plan(shop: Shop, plan_id: str = "plus", **changes: Any) -> pb.Plan:
    """A month for $9.99, unless changed."""
    values: dict[str, Any] = {
        "name": f"{shop.program}/plans/{plan_id}",
        "display_name": "Plus",
        "months": 1,
        "price": usd(9_99),
    }
    return pb.Plan(**(values | changes))


def make(shop: Shop, plan_id: str = "plus", request_id: str = "", **changes: Any) -> Any:
    """Makes a plan."""
    one = plan(shop, plan_id, **changes)
    return shop.membership.membership.CreatePlan(
        pb.CreatePlanRequest(plan=one, request_id=request_id or new_request_id())
    )


def buy(shop: Shop, member_id: str, plan_id: str = "plus", request_id: str = "") -> Any:
    """Tells that a plan was bought."""
    return shop.membership.membership.BuyPlan(
        pb.BuyPlanRequest(
            member=name(shop, member_id),
            plan=f"{shop.program}/plans/{plan_id}",
            request_id=request_id or new_request_id(),
        )
    )


def use(shop: Shop, member_id: str, request_id: str = "") -> Any:
    """Tells that a benefit is used."""
    return shop.membership.membership.UsePlan(
        pb.UsePlanRequest(member=name(shop, member_id), request_id=request_id or new_request_id())
    )


def cancel(shop: Shop, member_id: str, request_id: str = "") -> Any:
    """Cancels what was not used."""
    return shop.membership.membership.CancelPlan(
        pb.CancelPlanRequest(member=name(shop, member_id), request_id=request_id or new_request_id())
    )


async def periods(shop: Shop, member_id: str) -> list[pb.PlanPeriod]:
    """What a member bought, the latest first, read page by page."""
    found: list[pb.PlanPeriod] = []
    request = pb.ListPlanPeriodsRequest(parent=name(shop, member_id), page_size=1)
    while True:
        page = await shop.membership.membership.ListPlanPeriods(request)
        found += page.periods
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def points(purchase: purchase_pb2.Purchase) -> int:
    """All that a purchase earned."""
    return purchase.rating.base_points + purchase.rating.tier_points + purchase.rating.rule_points


def now() -> Timestamp:
    """The time it is."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC))
    return stamp


async def test_a_plan_is_read_as_it_was_made_changed_listed_and_archived(shop: Shop) -> None:
    calls = shop.membership.membership
    made = make(shop, request_id="make")
    one = (await made).plan
    assert (one.months, one.price, one.archived) == (1, usd(9_99), False)
    again = make(shop, request_id="make")
    assert await again == await made
    assert await was_replayed(again)
    one.months, one.price.minor_units, one.display_name = 12, 99_00, "Plus for a year"
    changed = (await calls.UpdatePlan(pb.UpdatePlanRequest(plan=one, request_id=new_request_id()))).plan
    assert (changed.months, changed.price, changed.display_name) == (12, usd(99_00), "Plus for a year")
    other = (await make(shop, "gold")).plan
    page = await calls.ListPlans(pb.ListPlansRequest(parent=shop.program, page_size=1))
    rest = await calls.ListPlans(pb.ListPlansRequest(parent=shop.program, page_token=page.next_page_token))
    assert [*page.plans, *rest.plans] == [other, changed]
    archived = await calls.ArchivePlan(pb.ArchivePlanRequest(name=one.name, request_id=new_request_id()))
    assert archived.plan == (await calls.GetPlan(pb.GetPlanRequest(name=one.name))).plan
    assert archived.plan.archived
    assert (
        await reason(calls.UpdatePlan(pb.UpdatePlanRequest(plan=one, request_id=new_request_id()))) == "PLAN_ARCHIVED"
    )
    assert await reason(make(shop, "gold")) == "ALREADY_EXISTS"
    with pytest.raises(NotFoundError):
        await calls.GetPlan(pb.GetPlanRequest(name=f"{shop.program}/plans/none"))
    with pytest.raises(InvalidRequestError) as wrong:
        await make(shop, "free", months=0)
    assert [one.field for one in wrong.value.violations] == ["plan.months"]


async def test_a_plan_that_is_bought_again_goes_on_from_its_end_and_a_request_sent_again_buys_nothing(
    shop: Shop,
) -> None:
    await make(shop)
    await make(shop, "gold", months=12, price=usd(99_00))
    await shop.enroll("ada")
    assert (await get(shop, "ada")).plan == ""
    first = (await buy(shop, "ada", request_id="buy")).period
    again = buy(shop, "ada", request_id="buy")
    assert (await again).period == first
    assert await was_replayed(again)
    second, third = (await buy(shop, "ada")).period, (await buy(shop, "ada", "gold")).period
    assert (second.start_time, third.start_time) == (first.end_time, second.end_time)
    assert [one.price for one in (first, second, third)] == [usd(9_99), usd(9_99), usd(99_00)]
    ada = await get(shop, "ada")
    assert (ada.plan, ada.plan_end_time) == (f"{shop.program}/plans/plus", second.end_time)
    assert await periods(shop, "ada") == [third, second, first]
    bought = await asyncio.gather(*(buy(shop, "ada") for _ in range(4)))
    assert len({one.period.start_time.ToNanoseconds() for one in bought}) == 4, "they follow each other"
    for _ in range(17):
        await buy(shop, "ada")
    assert await reason(buy(shop, "ada")) == "TOO_MANY_PERIODS"


async def test_who_or_what_is_not_there_is_refused(shop: Shop, world: Any) -> None:
    await make(shop)
    await shop.enroll("ada")
    for call in (
        buy(shop, "eve"),
        buy(shop, "ada", "none"),
        use(shop, "eve"),
        cancel(shop, "eve"),
        periods(shop, "eve"),
    ):
        assert await reason(call) == "NOT_FOUND"
    other = await world.shop()
    request = pb.BuyPlanRequest(
        member=name(shop, "ada"), plan=f"{other.program}/plans/plus", request_id=new_request_id()
    )
    with pytest.raises(InvalidRequestError):
        await shop.membership.membership.BuyPlan(request)
    archive = pb.ArchivePlanRequest(name=f"{shop.program}/plans/plus", request_id=new_request_id())
    await shop.membership.membership.ArchivePlan(archive)
    assert await reason(buy(shop, "ada")) == "PLAN_ARCHIVED"
    assert await reason(use(shop, "ada")) == await reason(cancel(shop, "ada")) == "PLAN_NOT_HELD"
    await shop.spend("ada", 50)
    await close(shop, "ada")
    assert await reason(buy(shop, "ada")) == "MEMBER_CLOSED"


async def test_who_has_left_is_refunded_what_was_not_used_and_nothing_else(shop: Shop) -> None:
    await make(shop)
    for member_id in ("ada", "ben"):
        await shop.enroll(member_id)
        await buy(shop, member_id)
        await shop.spend(member_id, 50)
    await use(shop, "ben")
    for member_id in ("ada", "ben"):
        await close(shop, member_id)
    assert await reason(use(shop, "ada")) == await reason(buy(shop, "ada")) == "MEMBER_CLOSED"
    request_id = new_request_id()
    cancelled = await cancel(shop, "ada", request_id)
    assert (len(cancelled.periods), cancelled.refund) == (1, usd(9_99))
    assert await cancel(shop, "ada", request_id) == cancelled
    assert await reason(cancel(shop, "ada")) == "PLAN_NOT_HELD"
    assert (await cancel(shop, "ben")).periods == []


async def make_double(
    shop: Shop, condition: str = "member.plan == 'plus'", rule_id: str = "plus-double", multiplier: int = 2
) -> None:
    """A rule that multiplies what some earn: doubles what holders of the plan do, unless changed."""
    rule = rule_pb2.EarningRule(
        name=f"{shop.program}/rules/{rule_id}",
        multiplier=rational_pb2.Rational(numerator=multiplier, denominator=1),
        condition=condition,
    )
    await shop.membership.membership.CreateEarningRule(
        rule_pb2.CreateEarningRuleRequest(earning_rule=rule, request_id=new_request_id())
    )


async def test_a_rule_that_names_the_plan_gives_to_who_holds_it_and_uses_the_period_by_that(shop: Shop) -> None:
    await make(shop)
    await make_double(shop)
    await make_segment(shop, "members-plus", "member.plan != ''")
    before = now()
    for member_id in ("ada", "ben"):
        await shop.enroll(member_id)
        await buy(shop, member_id)
    await buy(shop, "ada")
    assert await segments_of(shop, "ada") == ["members-plus"]
    early = await shop.buy("p0", "ada", 10_00, before)
    simulated = membership.SimulatePurchaseRequest(purchase=shop.purchase("p1", "ada", 10_00, now()))
    assert points((await shop.membership.membership.SimulatePurchase(simulated)).purchase) == 20
    assert [one.used for one in await periods(shop, "ada")] == [False, False]
    inside = await shop.buy("p1", "ada", 10_00, now())
    assert (points(early.purchase), points(inside.purchase)) == (10, 20)
    assert [one.used for one in await periods(shop, "ada")] == [False, True]
    tried = draft(
        shop,
        base=PER_DOLLAR,
        double=DOUBLE | {"condition": "member.plan == 'plus'"},
        among={"bonus_points": 7, "condition": "'members-plus' in member.segments"},
    )
    assert costs(shop, await simulate(shop, tried)).items() >= {
        ("base", (20, 2)),
        ("double", (10, 1)),  # by the plan at the time of the purchase
        ("among", (14, 2)),  # by the segments when it was recorded
    }
    refunded = await cancel(shop, "ada", "cancel")
    assert refunded.refund == usd(9_99)
    assert [one.start_time for one in refunded.periods] == [(await get(shop, "ada")).plan_end_time]
    again = cancel(shop, "ada", "cancel")
    assert await again == refunded
    assert await was_replayed(again)
    assert points((await shop.buy("p2", "ada", 10_00, now())).purchase) == 20, "what was used runs on"
    assert (await cancel(shop, "ben")).refund == usd(9_99)
    assert await segments_of(shop, "ben") == []
    assert points((await shop.buy("p3", "ben", 10_00, now())).purchase) == 10


async def test_a_period_is_refunded_or_its_benefit_given_and_never_both(shop: Shop) -> None:
    await make(shop)
    await make_double(shop)
    people = [f"m{number}" for number in range(6)]
    for one in people:
        await shop.enroll(one)
        await buy(shop, one)
    moment = now()
    answers = await asyncio.gather(
        *(cancel(shop, one) for one in people), *(shop.buy(f"p-{one}", one, 10_00, moment) for one in people)
    )
    refunds = [one.refund.minor_units for one in answers[: len(people)]]
    earned = [points(one.purchase) for one in answers[len(people) :]]
    assert set(zip(refunds, earned, strict=True)) <= {(9_99, 10), (0, 20)}


async def test_a_benefit_given_elsewhere_is_used_and_not_refunded(shop: Shop) -> None:
    await make(shop, price=usd(0))
    await shop.enroll("ada")
    bought = (await buy(shop, "ada")).period
    used = use(shop, "ada", "use")
    assert (await used).period == pb.PlanPeriod(
        **{one.name: value for one, value in bought.ListFields()} | {"used": True}
    )
    again = use(shop, "ada", "use")
    assert await again == await used
    assert await was_replayed(again)
    nothing = await cancel(shop, "ada")
    assert (list(nothing.periods), nothing.refund) == ([], usd(0))


async def test_the_survivor_of_a_merge_has_what_both_bought_and_the_later_end(shop: Shop) -> None:
    await make(shop)
    await make(shop, "gold", months=12, price=usd(99_00))
    for member_id in ("old", "new"):
        await shop.enroll(member_id)
    year, month = (await buy(shop, "old", "gold")).period, (await buy(shop, "new")).period
    await merge(shop, "old", "new")
    for member_id in ("old", "new"):
        found = await get(shop, member_id)
        assert (found.plan, found.plan_end_time) == (f"{shop.program}/plans/gold", year.end_time)
    assert (await buy(shop, "new")).period.start_time == year.end_time
    refunded = await cancel(shop, "old")
    assert [one.plan for one in refunded.periods][:2] == [year.plan, month.plan]
    assert refunded.refund == usd(2 * 9_99 + 99_00)
    assert (await get(shop, "new")).plan == ""


async def test_of_two_periods_at_once_the_one_that_is_held_is_used_and_the_other_refunded(shop: Shop) -> None:
    await make(shop)
    await make(shop, "gold", months=12, price=usd(99_00))
    for member_id, plan_id in (("old", "gold"), ("new", "plus")):
        await shop.enroll(member_id)
        await buy(shop, member_id, plan_id)
    await merge(shop, "old", "new")
    assert (await use(shop, "new")).period.plan == f"{shop.program}/plans/gold"
    assert (await cancel(shop, "new")).refund == usd(9_99)


async def test_a_rule_for_a_segment_that_looks_at_the_plan_uses_the_period_too(shop: Shop) -> None:
    await make(shop)
    await make_segment(shop, "members-plus", "member.plan == 'plus'")
    await make_segment(shop, "everybody", "true")
    for member_id in ("ada", "ben"):
        await shop.enroll(member_id)
        await buy(shop, member_id)
    await make_double(shop, "'everybody' in member.segments")
    assert points((await shop.buy("p1", "ben", 10_00, now())).purchase) == 20
    assert [one.used for one in await periods(shop, "ben")] == [False]
    await make_double(shop, "'members-plus' in member.segments", "plus-triple", 3)
    assert points((await shop.buy("p2", "ada", 10_00, now())).purchase) == 40
    assert (await cancel(shop, "ada")).refund == usd(0)
