"""Points that wait for an event, and a member whose account cannot be opened, through outages and the clock."""

from __future__ import annotations

import json
from datetime import timedelta

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.membership.v1 import (
    times_pb2,
    velocity_pb2,
)
from guerdon.membership.v1.purchase_pb2 import AwaitedPoints
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_kit.testing import RunningService, wait_until
from membership.domain.purchases import State
from tests.contract.membership.test_purchase_events import tell
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_times import has
from tests.contract.membership.test_velocity import limit, release, watch
from tests.contract.membership.world import Shop, World, row
from tests.integration.membership.recovery.moving import PAST_THE_LEASE, Moving


@pytest.mark.crash
async def test_points_that_wait_for_an_event_are_decided_once_and_brought_when_the_ledger_is_back(
    world: World, clock: Moving
) -> None:
    def on(event: str, *, released_after: bool = False) -> times_pb2.Availability:
        return times_pb2.Availability(
            on_event=times_pb2.OnEvent(event=event, wait_days=30, released_after=released_after)
        )

    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await make(shop, "twice", multiplier=Rational(numerator=2, denominator=1), availability=on("delivered"))
    reviewed = on("reviewed", released_after=True)
    await make(shop, "kept", bonus_points=40, minimum_spend=50_00, availability=reviewed)
    await make(shop, "later", bonus_points=5, availability=times_pb2.Availability(after_days=3))
    bought = Timestamp(seconds=int(clock.now().timestamp()) + 60)
    recorded = (await shop.buy("p1", "ada", 100_00, bought)).purchase
    parts = [(one.points, one.wait.event) for one in recorded.rating.tranches]
    assert parts == [(100, ""), (5, ""), (100, "delivered"), (40, "reviewed")]
    await watch(shop, limit(velocity_pb2.VelocityLimit.SUBJECT_MEMBER, max_points=1), hold=True)
    await shop.buy("p2", "ada", 1_00, bought)
    assert await has(shop) == (100, 145 + 7)
    counted = (await shop.progress("ada")).progress.counted
    await shop.bring_back("r1", "p1", 10_00)
    assert await has(shop) == (90, 135 + 7)
    world.ledger.process.kill()
    told = await tell(shop, "e2", "p2", at=bought)
    assert [one.state for one in told.purchase.awaited_points] == [AwaitedPoints.STATE_TOLD]
    released = await release(shop, "p2")
    world.ledger.process.start()
    waits = [(one.wait.event, one.points, one.state) for one in released.awaited_points]
    assert waits == [("", 5, AwaitedPoints.STATE_WAITING), ("delivered", 1, AwaitedPoints.STATE_TOLD)]
    clock.forward(PAST_THE_LEASE)
    await wait_until(lambda: has_now(shop, 90 + 2, 135 + 5))
    clock.forward(timedelta(days=4))
    await wait_until(lambda: has_now(shop, 92 + 5 + 5, 40 + 90))
    clock.forward(timedelta(days=27))
    await wait_until(lambda: has_now(shop, 102 + 40, 0))
    late = (await tell(shop, "e1", "p1", at=bought)).purchase
    assert [one.state for one in late.awaited_points] == [AwaitedPoints.STATE_TAKEN_BACK, AwaitedPoints.STATE_RELEASED]
    assert late.returned_points == 20 + 90, "it was decided before"
    assert (await shop.progress("ada")).progress.counted == counted - 20 - 90
    back = await shop.bring_back("r2", "p1", 60_00)
    assert (back.goods_return.points, await has(shop)) == (60 + 40, (42, 0))
    await shop.bring_back("r3", "p1", 30_00)
    assert await has(shop) == (7, 0)


async def has_now(shop: Shop, *expected: int) -> bool:
    return await has(shop) == expected


async def test_a_member_whose_account_has_another_unit_waits_ever_longer_and_alone(world: World, clock: Moving) -> None:
    shop = await world.shop(welcome_points=0)
    await shop.take_account("eve")
    [answer] = await shop.import_(
        [shop.chunk(1, [row(f"p{n}", f"m{n}", 1_00) for n in range(9)] + [row("p", "eve", 1)])]
    )
    assert (answer.enrolled_count, answer.pending_count) == (10, 0), "neither points nor a bonus wait, but the account"
    database = await asyncpg.connect(world.membership.database.owner_url)
    delivery = """
        select delivery_no, attempts from deliveries join programs using (program_no)
        where 'programs/' || program_id = $1
    """
    [(number, attempts)] = await database.fetch(delivery, shop.program)
    assert attempts == 0
    clock.forward(PAST_THE_LEASE)
    await wait_until(lambda: len(_delays(world.membership, number)) >= 2)
    assert _delays(world.membership, number)[:2] == [1.0, 2.0]
    states = await database.fetch(
        "select member_id, state from members join programs using (program_no) where 'programs/' || program_id = $1",
        shop.program,
    )
    await database.close()
    assert {member_id for member_id, state in states if state == State.PENDING} == {"eve"}


def _delays(membership: RunningService, delivery: int) -> list[float]:
    """By how many seconds a delivery was put off, each time it failed."""
    lines = [
        json.loads(line) for line in membership.process.plan.log.read_text().splitlines() if '"advance_failed"' in line
    ]
    return [line["delay_s"] for line in lines if line["record"] == str(delivery)]
