"""In programs in which late events are rated anew, budgets and segments keep the order of arrival, and activity keeps
points from its own time on.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.membership.v1 import campaign_pb2, rule_pb2
from guerdon.membership.v1.basket_pb2 import Award
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.membership import test_segments as segments
from tests.contract.membership.campaigning import report, run, told
from tests.contract.membership.test_late_events import DAY, Bought, at, do, get
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_sliding import SLIDING, have, year_after
from tests.contract.membership.world import Shop, World

REFUSED, APPLIED = Award.VERDICT_BUDGET_SPENT, Award.VERDICT_APPLIED


async def opened(world: World, *member_ids: str, **settings: Any) -> Shop:
    shop = await world.shop(late_days=30, welcome_points=0, tiers=[], **settings)
    await asyncio.gather(*(shop.enroll(one) for one in member_ids))
    return shop


async def gave(shop: Shop, rule_id: str, *purchase_ids: str) -> list[tuple[int, Award.Verdict.ValueType]]:
    """What a rule gave for purchases, with its verdicts."""
    awards = [told(await get(shop, one), rule_id) for one in purchase_ids]
    return [(one.points, one.verdict) for one in awards]


async def spent(shop: Shop, campaign_id: str) -> int:
    request = campaign_pb2.GetCampaignRequest(name=f"{shop.program}/campaigns/{campaign_id}")
    return (await shop.membership.membership.GetCampaign(request)).campaign.spent_points


async def test_a_budget_that_is_spent_is_not_taken_from_whom_it_went_to(world: World) -> None:
    shop = await opened(world, "ada", purchase_statistics=True)
    spring = await run(shop, "spring", budget_points=30)
    await make(shop, "gift", bonus_points=20, campaign=spring.name)
    await make(shop, "first", bonus_points=7, condition="purchases.count == 0")
    start = int(time.time()) + 1
    for purchase_id, second in (("b", 20), ("a", 10)):
        await shop.buy(purchase_id, "ada", 1_00, Timestamp(seconds=start + second))
    assert await gave(shop, "gift", "a", "b") == [(0, REFUSED), (20, APPLIED)]
    assert await gave(shop, "first", "a", "b") == [(7, APPLIED), (0, Award.VERDICT_CONDITION)]
    assert await spent(shop, "spring") == 20
    reached = (await report(shop, "spring")).reached
    assert (reached.purchase_count, reached.awarded_points) == (2, 20)
    assert (await shop.balance("ada")).available == 2 + 20 + 7


async def test_what_is_worth_more_now_is_paid_by_the_budget_once(world: World) -> None:
    """The campaign doubles dollars, which are worth more after the first hundred points."""
    shop = await opened(world, "ada")
    spring = await run(shop, "spring", budget_points=500)
    await make(shop, "double", multiplier=Rational(numerator=2, denominator=1), campaign=spring.name)
    two = Rational(numerator=2, denominator=100)
    await make(
        shop, "loyal", points_per_minor_unit=two, rounding=rule_pb2.ROUNDING_DOWN, condition="member.year_points >= 100"
    )
    start = int(time.time()) + 1
    for purchase_id, second, cents in (("c", 30, 20_00), ("a", 10, 100_00), ("b", 20, 1_00)):
        await shop.buy(purchase_id, "ada", cents, Timestamp(seconds=start + second))
    assert await gave(shop, "double", "a", "b", "c") == [(100, APPLIED), (2, APPLIED), (40, APPLIED)]
    assert await spent(shop, "spring") == 142
    assert (await shop.balance("ada")).available == 2 * 142


async def test_a_budget_is_exact_when_late_purchases_and_others_come_at_once(world: World) -> None:
    members = [f"m{n}" for n in range(12)]
    shop = await opened(world, *members)
    spring = await run(shop, "spring", budget_points=153)
    await make(shop, "gift", bonus_points=10, campaign=spring.name)
    start = int(time.time()) + 1

    async def buy(member_id: str, second: int) -> None:
        await shop.buy(f"{member_id}-{second}", member_id, 1_00, Timestamp(seconds=start + second))

    await asyncio.gather(*(buy(one, 20) for one in members[::2]))
    await asyncio.gather(*(buy(one, second) for second in (10, 30) for one in members))
    found = [*(f"{one}-20" for one in members[::2]), *(f"{one}-{second}" for second in (10, 30) for one in members)]
    awarded = await gave(shop, "gift", *found)
    assert sorted(awarded, reverse=True) == [(10, APPLIED)] * 15 + [(0, REFUSED)] * (len(found) - 15)
    assert await spent(shop, "spring") == 150


async def test_a_purchase_keeps_the_segments_of_its_arrival(world: World) -> None:
    shop = await opened(world, "ada", purchase_statistics=True)
    await segments.make(shop, "new", "purchases.count == 0")
    await make(shop, "hello", bonus_points=5, condition="'new' in member.segments")
    start = int(time.time()) + 1
    for purchase_id, second in (("b", 20), ("a", 10), ("c", 5)):
        await shop.buy(purchase_id, "ada", 1_00, Timestamp(seconds=start + second))
    no = (0, Award.VERDICT_CONDITION)
    assert await gave(shop, "hello", "c", "a", "b") == [no, no, (5, APPLIED)]


async def test_what_late_events_credit_is_kept_by_later_activity(world: World) -> None:
    shop = await world.shop(late_days=30, welcome_points=0, expiry_policy=SLIDING)
    await shop.enroll("ada")
    for one in (
        Bought("second", "ada", DAY, 80_00),
        Bought("third", "ada", 10 * DAY, 1_00),
        Bought("first", "ada", 0, 100_00),
    ):
        await do(shop, one)
    await have(shop, "ada", {year_after(at(10 * DAY)): 100 + 80 + 20 + 1})
