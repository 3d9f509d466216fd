"""What the clock does to points and tiers, through crashes where that matters."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, timedelta

import asyncpg
import pytest

from guerdon.ledger.v1 import ledger_pb2
from guerdon.membership.v1 import (
    program_pb2,
    purchase_pb2,
    times_pb2,
)
from guerdon_kit.testing import wait_until
from tests.contract.membership.world import Shop, World
from tests.integration.membership.recovery.moving import PAST_THE_LEASE, Moving


async def test_points_that_have_expired_are_not_taken_again_by_a_return(world: World, clock: Moving) -> None:
    """Of 40 points 30 are spent, 10 expire: the returns take 25, then the 5 that are left, then nothing."""
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=1))
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 40_00, clock.yesterday())
    await shop.spend("ada", 30)
    clock.forward(timedelta(days=40))
    returns = [
        (await shop.bring_back(f"r{n}", "p1", cents)).goods_return for n, cents in enumerate((25_00, 10_00, 5_00))
    ]
    assert all(one.state == purchase_pb2.Return.STATE_POSTED for one in returns)
    assert [(one.points, one.reversed_points) for one in returns] == [(25, 25), (10, 5), (5, 0)]
    assert (await shop.balance("ada")).debt == 30
    again = (await shop.bring_back("r1", "p1", 10_00)).goods_return
    assert again == returns[1]


async def test_a_tier_is_reached_by_the_next_order_and_lost_by_itself_once_its_grace_is_over(
    world: World, clock: Moving
) -> None:
    policy = program_pb2.TierPolicy(
        metric=program_pb2.TierPolicy.METRIC_SPEND, period=program_pb2.TierPolicy.PERIOD_ROLLING_YEAR, grace_days=30
    )
    shop = await world.shop(welcome_points=0, tier_policy=policy)
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 6_00, clock.yesterday())
    second = (await shop.buy("p2", "ada", 10_00, clock.yesterday())).purchase.rating
    assert (second.base_points, second.tier_points) == (10, 10), "gold from the purchase before"

    async def holders() -> list[int]:
        return [tier.member_count for tier in (await shop.totals()).tiers]

    async def told(counts: list[int]) -> bool:
        return await holders() == counts

    await wait_until(lambda: told([0, 1]))
    clock.forward(timedelta(days=380))
    standing = (await shop.progress("ada")).progress
    assert (standing.tier_id, standing.counted, standing.missing_to_next_tier) == ("gold", 0, 0)
    clock.forward(timedelta(days=20))
    await wait_until(lambda: told([0, 0]))
    standing = (await shop.progress("ada")).progress
    assert (standing.tier_id, standing.next_tier_id, standing.missing_to_next_tier) == ("", "silver", 100)


@pytest.mark.crash
async def test_points_that_activity_keeps_are_told_of_before_they_expire_once_through_crashes(
    world: World, clock: Moving
) -> None:
    policy = times_pb2.ExpiryPolicy(kind=times_pb2.ExpiryPolicy.KIND_SLIDING, months=3)
    shop = await world.shop(welcome_points=0, tiers=[], expiry_policy=policy, expiry_reminder_days=[7, 30])
    await shop.enroll("ada")
    world.ledger.process.kill()
    await shop.buy("p1", "ada", 100_00, clock.yesterday())
    clock.forward(timedelta(days=40))
    bought = (await shop.buy("p2", "ada", 20_00, clock.yesterday())).purchase.rating.expire_time
    await asyncio.to_thread(world.membership.process.kill)
    world.ledger.process.start()
    world.membership.process.start()
    clock.forward(PAST_THE_LEASE)

    async def kept() -> bool:
        request = ledger_pb2.GetBalanceRequest(name=f"{shop.program}/accounts/m-ada", view=ledger_pb2.BALANCE_VIEW_FULL)
        found = (await shop.books.ledger.GetBalance(request)).balance.expiries
        return [(one.amount, one.expire_time) for one in found] == [(120, bought)]

    await wait_until(kept)
    clock.forward(timedelta(days=30))  # what the first purchase earned would expire in three weeks
    assert await _reminded(world, shop, clock) == []
    await shop.spend("ada", 50)
    expire_time = bought.ToDatetime(tzinfo=UTC)
    clock.forward_to(expire_time - timedelta(days=29))  # months differ in length
    assert await _reminded(world, shop, clock) == [(70, 30)]
    await shop.spend("ada", 10)
    clock.forward_to(expire_time - timedelta(days=5))
    assert (await _reminded(world, shop, clock))[-1] == (60, 7)
    clock.forward_to(expire_time + timedelta(days=5))
    assert (await _reminded(world, shop, clock))[-1] == (60, 7)
    assert (await shop.balance("ada")).available == 0


async def _reminded(world: World, shop: Shop, clock: Moving) -> list[tuple[int, int]]:
    """The reminders of a program's members, once all that is due is told: points, and days before; old ones go."""
    database = await asyncpg.connect(world.membership.database.owner_url)
    try:
        due = (
            "select count(*) from expiry_watches join programs using (program_no) "
            "where program_id = $1 and due_time < $2"
        )

        async def looked() -> bool:
            program_id = shop.program.removeprefix("programs/")
            return bool(await database.fetchval(due, program_id, clock.now() + PAST_THE_LEASE) == 0)

        await wait_until(looked)
        told = (
            "select data from outbox where type = 'guerdon.membership.v1.points_expiring' and key like $1 order by id"
        )
        rows = [json.loads(row["data"]) for row in await database.fetch(told, f"{shop.program}/%")]
    finally:
        await database.close()
    return [(row["points"], row["days"]) for row in rows]
