"""What is recorded while the ledger is away gets there once it is back: once, to the point."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import GuerdonError
from guerdon.membership.v1 import (
    member_pb2,
    purchase_pb2,
    times_pb2,
    velocity_pb2,
)
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.membership import people
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_velocity import limit, reject, release, watch
from tests.contract.membership.world import World
from tests.integration.membership.recovery.moving import PAST_THE_LEASE, Moving, require_exact, settled


@pytest.mark.crash
async def test_a_ledger_that_is_away_delays_but_loses_nothing(world: World, clock: Moving) -> None:
    shop = await world.shop()
    await shop.enroll("ada")
    await shop.buy("before", "ada", 100_00)
    await asyncio.gather(shop.enroll("cleo"), shop.enroll("dora"))
    world.ledger.process.kill()
    closing = asyncio.ensure_future(_refusal(people.close(shop, "cleo", "close-1")))  # its client asks again and again
    bought, enrolled, returned, erased = await asyncio.gather(
        shop.buy("p1", "ada", 40_00),
        shop.enroll("ben"),
        shop.bring_back("r1", "before", 30_00),
        people.erase(shop, "dora", "erase-1"),
    )
    assert erased.texts_pending
    assert bought.purchase.state == purchase_pb2.Purchase.STATE_PENDING
    assert bought.purchase.rating.base_points == 40
    assert enrolled.member.state == member_pb2.Member.STATE_PENDING
    assert (returned.goods_return.state, returned.goods_return.points) == (purchase_pb2.Return.STATE_PENDING, 30)
    world.ledger.process.start()
    clock.forward(PAST_THE_LEASE)

    async def arrived() -> bool:
        ben = pb.GetMemberRequest(name=f"{shop.program}/members/ben")
        active = (await shop.membership.membership.GetMember(ben)).member.state == member_pb2.Member.STATE_ACTIVE
        return active and await settled(shop) and (await shop.balance("ada")).posted == 50 + 70 + bought_points

    bought_points = bought.purchase.rating.base_points + bought.purchase.rating.tier_points
    await wait_until(arrived)
    await require_exact(shop, {"ada", "ben", "cleo", "dora"})
    await closing  # however that ended: the same request is answered for good now
    assert await _refusal(people.close(shop, "cleo", "close-1")) == "MEMBER_NOT_EMPTY"
    assert not (await people.erase(shop, "dora", "erase-1")).texts_pending


async def _refusal(call: Awaitable[object]) -> str:
    """The reason why a call is refused."""
    with pytest.raises(GuerdonError) as refused:
        await call
    return refused.value.reason


@pytest.mark.crash
async def test_sending_again_brings_what_was_pending_at_once(world: World) -> None:
    shop = await world.shop()
    await shop.enroll("ada")
    world.ledger.process.kill()
    first = await shop.buy("p1", "ada", 40_00, request_id="till-1")
    assert first.purchase.state == purchase_pb2.Purchase.STATE_PENDING
    world.ledger.process.start()

    async def posted() -> bool:
        again = await shop.buy("p1", "ada", 40_00, request_id="till-1")
        return again.purchase.state == purchase_pb2.Purchase.STATE_POSTED

    await wait_until(posted)  # long before the recovery loop would take it up: the clock is not moved
    assert await shop.statement("ada") == [(50, "Welcome"), (40, "Purchase p1")]


@pytest.mark.crash
async def test_points_whose_time_passes_while_the_ledger_is_away_lapse(world: World, clock: Moving) -> None:
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=1))
    await shop.enroll("ada")
    world.ledger.process.kill()
    bought = (await shop.buy("p1", "ada", 40_00, clock.yesterday())).purchase
    assert bought.state == purchase_pb2.Purchase.STATE_PENDING
    clock.forward(timedelta(days=40))
    world.ledger.process.start()
    await wait_until(lambda: settled(shop))
    read = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=bought.name))
    assert read.purchase.state == purchase_pb2.Purchase.STATE_LAPSED
    assert await shop.statement("ada") == []


@pytest.mark.crash
async def test_tranches_and_what_is_decided_of_held_awards_while_the_ledger_is_away_arrive_once(
    world: World, clock: Moving
) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await make(shop, "later", bonus_points=30, availability=times_pb2.Availability(after_days=200))
    await watch(shop, limit(velocity_pb2.VelocityLimit.SUBJECT_MEMBER, max_points=130), hold=True)
    after = Timestamp(seconds=int(clock.now().timestamp()) + 60)
    await shop.buy("p1", "ada", 100_00, event_time=after)
    world.ledger.process.kill()
    held = await asyncio.gather(*(shop.buy(f"p{number}", "ada", 100_00, event_time=after) for number in (2, 3)))
    assert {one.purchase.flag.state for one in held} == {purchase_pb2.AwardFlag.STATE_HELD}
    assert [len(one.purchase.rating.tranches) for one in held] == [2, 2]
    returned, *_ = await asyncio.gather(shop.bring_back("r1", "p2", 40_00), release(shop, "p2"), reject(shop, "p3"))
    assert returned.goods_return.points == 40
    world.ledger.process.start()
    clock.forward(PAST_THE_LEASE)

    async def arrived() -> bool:
        balance, amounts = await shop.balance("ada"), [amount for amount, _ in await shop.statement("ada")]
        released = (balance.available, balance.pending) == (100 + 60, 30 + 30)
        return released and sorted(amounts) == [-100, -40, -30, 30, 30, 30, 100, 100, 100]

    await wait_until(arrived)
