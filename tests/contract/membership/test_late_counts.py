"""What comes late is counted in its place, and awards for counts are those of the order in which things happened."""

from __future__ import annotations

import time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2, times_pb2
from guerdon.membership.v1.basket_pb2 import Award
from tests.contract.membership.campaigning import report, run, told
from tests.contract.membership.test_rules import make
from tests.contract.membership.world import Shop, World

THIRD = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=3, repeats=True)
TWICE = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2)


async def stamping(world: World, **settings: Any) -> tuple[Shop, int]:
    """A program that gives 50 points for each third purchase, with a member; and when that rule came into force."""
    shop = await world.shop(late_days=30, welcome_points=0, tiers=[], **settings)
    await shop.enroll("ada")
    await make(shop, "third", bonus_points=50, count=THIRD)
    return shop, int(time.time()) + 1


async def back(shop: Shop, return_id: str, purchase_id: str, event_time: int) -> None:
    goods_return = purchase_pb2.Return(
        name=f"{shop.program}/returns/{return_id}",
        purchase=f"{shop.program}/purchases/{purchase_id}",
        event_time=Timestamp(seconds=event_time),
        whole_order=True,
    )
    request = pb.RecordReturnRequest(goods_return=goods_return, request_id=new_request_id())
    await shop.membership.membership.RecordReturn(request)


async def counts(shop: Shop, *purchase_ids: str) -> list[tuple[int, int]]:
    """What the rule counted with each of the purchases, and gave."""
    found = []
    for purchase_id in purchase_ids:
        request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/{purchase_id}")
        award = told((await shop.membership.membership.GetPurchase(request)).purchase, "third")
        assert (award.verdict == Award.VERDICT_APPLIED) == (award.points > 0)
        found.append((award.count, award.points))
    return found


async def test_which_purchase_is_the_third_is_told_by_when_it_happened(world: World) -> None:
    shop, start = await stamping(world)
    for purchase_id, second in (("a", 10), ("c", 30), ("d", 40)):
        await shop.buy(purchase_id, "ada", 1_00, Timestamp(seconds=start + second))
    assert await counts(shop, "a", "c", "d") == [(1, 0), (2, 0), (3, 50)]
    await shop.buy("b", "ada", 1_00, Timestamp(seconds=start + 20))
    assert await counts(shop, "a", "b", "c", "d") == [(1, 0), (2, 0), (3, 50), (4, 0)]
    of_count = [one for one in await shop.statement("ada") if one[0] != 1]
    assert of_count == [(50, "Reached: third")], "it is worth the same"
    await back(shop, "r", "a", start + 15)
    assert await counts(shop, "b", "c", "d") == [(1, 0), (2, 0), (3, 50)]
    await back(shop, "s", "b", start + 25)
    taken = sorted((await shop.statement("ada"))[-2:])
    assert taken == [(-50, "Late arrival: Reached: third"), (-1, "Return s of purchase b")]
    await shop.buy("e", "ada", 1_00, Timestamp(seconds=start + 5))
    assert await counts(shop, "e", "c", "d") == [(1, 0), (2, 0), (3, 50)]
    assert (await shop.balance("ada")).available == 53


async def test_an_award_that_would_expire_at_another_time_is_given_anew(world: World) -> None:
    shop, start = await stamping(world, expiry_policy=times_pb2.ExpiryPolicy(months=12))
    chunk = [("a", 10), ("c", 30), ("d", 40)]
    for purchase_id, second in chunk:
        await shop.buy(purchase_id, "ada", 1_00, Timestamp(seconds=start + second))
    await shop.buy("b", "ada", 1_00, Timestamp(seconds=start + 20))
    of_count = [one for one in await shop.statement("ada") if abs(one[0]) != 1]
    assert sorted(of_count) == [
        (-50, "Late arrival: Reached: third"),
        (50, "Late arrival: reached third"),
        (50, "Reached: third"),
    ]
    assert (await shop.balance("ada")).available == 54


async def test_what_a_campaign_gave_is_told_by_when_purchases_happened(world: World) -> None:
    shop, start = await stamping(world)
    made = await run(shop, "spring", start_time=Timestamp(seconds=start + 15), end_time=Timestamp(seconds=start + 200))
    cap = rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_EVER, points=15)
    await make(shop, "gift", bonus_points=10, campaign=made.name, caps=[cap])
    await make(shop, "second", bonus_points=7, campaign=made.name, count=TWICE)
    for purchase_id, second in (("a", 10), ("c", 30), ("d", 40)):
        await shop.buy(purchase_id, "ada", 1_00, Timestamp(seconds=start + second))
    before = (await report(shop, "spring")).reached
    assert (before.purchase_count, before.awarded_purchase_count, before.awarded_points) == (2, 2, 22)
    await shop.buy("b", "ada", 1_00, Timestamp(seconds=start + 20))
    request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/d")
    assert told((await shop.membership.membership.GetPurchase(request)).purchase, "gift").points == 0
    after = (await report(shop, "spring")).reached
    assert (after.purchase_count, after.awarded_purchase_count, after.awarded_points) == (3, 2, 22)
    assert (await shop.balance("ada")).available == 4 + 15 + 7 + 50
