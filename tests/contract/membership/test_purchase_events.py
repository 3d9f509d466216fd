"""Points that wait for an event of their purchase, over the service: until it is told, or until the wait is over."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, PermissionDeniedError, RefusedError, new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import merging_pb2, purchase_event_pb2, purchase_pb2, times_pb2
from guerdon.membership.v1 import velocity_pb2 as v
from guerdon_kit.testing import wait_until
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_times import ahead, buy, days_ago, has
from tests.contract.membership.test_velocity import limit, reject, release, watch
from tests.contract.membership.world import Shop, World, row

Awaited = purchase_pb2.AwaitedPoints
ON_DELIVERY = times_pb2.Availability(on_event=times_pb2.OnEvent(event="delivered", wait_days=30))


async def tell(
    shop: Shop,
    event_id: str,
    purchase_id: str,
    *,
    event: str = "delivered",
    at: Timestamp | None = None,
    request_id: str = "",
) -> purchase_event_pb2.RecordPurchaseEventResponse:
    told = purchase_event_pb2.PurchaseEvent(
        name=f"{shop.program}/purchaseEvents/{event_id}",
        purchase=f"{shop.program}/purchases/{purchase_id}",
        event=event,
        event_time=at or days_ago(0),
    )
    request = purchase_event_pb2.RecordPurchaseEventRequest(
        purchase_event=told, request_id=request_id or new_request_id()
    )
    return await shop.membership.membership.RecordPurchaseEvent(request)


async def read(shop: Shop, purchase_id: str) -> purchase_pb2.Purchase:
    request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/{purchase_id}")
    return (await shop.membership.membership.GetPurchase(request)).purchase


async def until(shop: Shop, *expected: int) -> None:
    """Waits for what ada has to be as expected: what waits is looked at by a loop."""

    async def there() -> bool:
        return await has(shop) == expected

    await wait_until(there)


def states(purchase: purchase_pb2.Purchase) -> list[int]:
    return [one.state for one in purchase.awaited_points]


async def test_points_of_a_program_wait_for_the_delivery_which_counts_once(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], availability=ON_DELIVERY)
    await shop.enroll("ada")
    recorded = await buy(shop, "p1", 100_00, days_ago(3))
    assert (recorded.rating.wait.event, states(recorded)) == ("delivered", [Awaited.STATE_WAITING])
    assert recorded.awaited_points[0].points == 100
    assert await has(shop) == (0, 100)
    await shop.bring_back("r1", "p1", 30_00)
    other = await tell(shop, "e0", "p1", event="packed")
    assert (states(other.purchase), await has(shop)) == ([Awaited.STATE_WAITING], (0, 70))
    request_id, at = new_request_id(), days_ago(1)
    told = await tell(shop, "e1", "p1", at=at, request_id=request_id)
    assert (states(told.purchase), told.already_recorded) == ([Awaited.STATE_TOLD], False)
    assert await has(shop) == (70, 0)
    assert await tell(shop, "e1", "p1", at=at, request_id=request_id) == told
    again = await tell(shop, "e1", "p1", at=at)
    assert (again.already_recorded, again.purchase_event) == (True, told.purchase_event)
    with pytest.raises(RefusedError) as why:
        await tell(shop, "e1", "p2", event="lost", at=at)
    assert (why.value.reason, why.value.metadata["fields"]) == ("PURCHASE_EVENT_DIFFERS", "purchase,event")
    await shop.bring_back("r2", "p1", 20_00)
    assert await has(shop) == (50, 0)


async def test_an_event_that_comes_before_its_purchase_counts_when_that_has_arrived(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], availability=ON_DELIVERY)
    await shop.enroll("ada")
    early = await tell(shop, "e1", "p1", at=days_ago(2))
    assert not early.HasField("purchase")
    await buy(shop, "p1", 10_00, days_ago(3))
    await until(shop, 10, 0)
    assert states(await read(shop, "p1")) == [Awaited.STATE_TOLD]


async def test_points_whose_wait_was_over_when_they_were_recorded_are_taken_back(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], availability=ON_DELIVERY)
    await shop.enroll("ada")
    await buy(shop, "p1", 10_00, days_ago(40))
    [imported] = await shop.import_(
        [shop.chunk(1, [row("p2", "ada", 9_00, days_ago(40)), row("p3", "ada", 8_00, days_ago(3))])]
    )
    assert (imported.recorded_count, imported.pending_count) == (2, 0)
    await until(shop, 0, 8)
    lost = await read(shop, "p1")
    assert (states(lost), lost.returned_points) == ([Awaited.STATE_TAKEN_BACK], 10)
    late = await tell(shop, "e1", "p1", at=days_ago(39))
    assert states(late.purchase) == [Awaited.STATE_TAKEN_BACK], "it was decided before"
    assert (await shop.bring_back("r1", "p1", 10_00)).goods_return.points == 0
    assert await has(shop) == (0, 8)


async def test_a_held_award_that_waits_needs_both_and_a_released_one_its_time(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], availability=times_pb2.Availability(after_days=5))
    await shop.enroll("ada")
    await make(shop, "delivered", bonus_points=7, availability=ON_DELIVERY)
    await watch(shop, limit(v.VelocityLimit.SUBJECT_MEMBER, max_points=1), hold=True)
    bought = ahead()
    for purchase_id in ("p1", "p2", "p3"):
        await buy(shop, purchase_id, 10_00, bought)
    assert await has(shop) == (0, 51)
    for purchase_id in ("p1", "p2"):
        await tell(shop, f"e-{purchase_id}", purchase_id, at=bought)
        assert await has(shop) == (0 if purchase_id == "p1" else 7, 51 if purchase_id == "p1" else 44)
        released = await release(shop, purchase_id)
        assert states(released) == [Awaited.STATE_WAITING, Awaited.STATE_TOLD], "its points are to wait five days"
    assert await has(shop) == (14, 37)
    rejected = await reject(shop, "p3")
    assert (states(rejected), await has(shop)) == ([Awaited.STATE_TAKEN_BACK], (14, 20))
    await tell(shop, "e-p3", "p3", at=bought)
    assert await has(shop) == (14, 20)
    merge = merging_pb2.MergeMembersRequest(
        name=f"{shop.program}/members/ada", into=f"{shop.program}/members/bob", request_id=new_request_id()
    )
    await shop.enroll("bob")
    with pytest.raises(RefusedError) as refused:
        await shop.membership.membership.MergeMembers(merge)
    assert (refused.value.reason, refused.value.metadata["awards"]) == ("AWARDS_HELD", "2")


async def test_events_and_waits_that_cannot_be_kept_are_refused(world: World) -> None:
    shop = await world.shop(expiry_policy=times_pb2.ExpiryPolicy(months=1))
    refused = [
        (times_pb2.OnEvent(event="", wait_days=3), "event"),
        (times_pb2.OnEvent(event="a b", wait_days=3), "event"),
        (times_pb2.OnEvent(event="delivered"), "wait_days"),
        (times_pb2.OnEvent(event="delivered", wait_days=367), "wait_days"),
        (times_pb2.OnEvent(event="delivered", wait_days=28), "wait_days"),
    ]
    for on_event, field in refused:
        with pytest.raises(InvalidRequestError) as why:
            await make(shop, "r", bonus_points=5, availability=times_pb2.Availability(on_event=on_event))
        assert [one.field for one in why.value.violations] == [f"earning_rule.availability.on_event.{field}"]
    with pytest.raises(InvalidRequestError) as why:
        await world.shop(availability=ON_DELIVERY, late_days=3)
    assert [one.field for one in why.value.violations] == ["program.availability.on_event"]
    with pytest.raises(InvalidRequestError) as why:
        await tell(shop, "e1", "p1", event="no word", at=Timestamp(seconds=ahead().seconds + 3_600))
    assert [one.field for one in why.value.violations] == ["purchase_event.event", "purchase_event.event_time"]
    clerk = world.client(world.membership, world.identity.token(scopes=["membership.purchases.write"]))
    with pytest.raises(PermissionDeniedError):
        await tell(Shop(shop.program, shop.books, clerk), "e1", "p1")
