"""Paid membership in membership's own database: lapses told once, and late events rated by the plan of their time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from guerdon.membership.v1 import plan_pb2 as pb
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from membership.domain.members import Ended
from membership.domain.moments import to_microseconds
from membership.domain.plans import Period, PlanTerms
from membership.domain.program import Program
from membership.domain.rows import Row
from membership.domain.rules import Outcome, Rule
from membership.jobs.plans import lapsing
from membership.operations.plan_periods import PlanPeriods
from membership.operations.recording import Recording, record_rows
from membership.operations.rules import Rulebooks, Rules
from membership.store import members, plans, programs, purchases
from tests.integration.membership.conftest import ACME, SetClock

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
SETTINGS = replace(ACME, welcome_points=0, expiry=None)
TWICE = Rule("plus", Outcome.MULTIPLIER, Fraction(2), condition="member.plan == 'plus'")


@dataclass
class Desk:
    """A program with plans, its members, and workers that tell of lapses."""

    db: Database
    program: Program
    clock: SetClock
    requests: Iterator[int] = field(default_factory=itertools.count)

    def request(self) -> Fingerprint:
        """A request of its own."""
        return Fingerprint(f"request-{next(self.requests):0>8}".encode(), b"", b"", pb.BuyPlanRequest.DESCRIPTOR)

    async def buy(self, member_id: str, plan_id: str = "plus") -> Period:
        """Has a member buy a plan now."""
        service = PlanPeriods(self.db, self.clock)
        return (await service.buy(self.program, member_id, plan_id, self.request(), "tester"))[0]

    async def told(self, moment: datetime) -> list[tuple[str, str, str]]:
        """The lapses that three workers tell up to a moment: member, plan, end."""
        self.clock.time = moment
        service = PlanPeriods(self.db, self.clock)
        async with self.db.transaction() as connection:
            await connection.execute("delete from outbox")
        loops = [lapsing(self.db, self.clock, service) for _ in range(3)]
        while sum(await asyncio.gather(*(loop.turn() for loop in loops))):
            pass
        async with self.db.acquire() as connection:
            rows = await connection.fetch("select type, key, data from outbox order by id")
        assert {row["type"] for row in rows} <= {"guerdon.membership.v1.plan_lapsed"}
        return sorted(
            (row["key"].rpartition("/")[2], row["data"]["plan"].rpartition("/")[2], row["data"]["end_time"][:16])
            for row in rows
        )

    async def points(self, purchase_id: str, dollars: int, event_time: datetime) -> int:
        """Records a purchase of Ada's; answers what it earned."""
        recording = Recording(self.clock.time, self.clock.time + timedelta(days=1000), "tester")
        row = Row(0, purchase_id, "ada", to_microseconds(event_time), dollars * 100)

        async def work(connection: Connection) -> int:
            recorded = await record_rows(connection, self.program, Rulebooks(), [row], recording, enroll_unknown=False)
            return recorded.rated[0].points

        return await self.db.run(work)


async def open_desk(db: Database, late_days: int = 0) -> Desk:
    """Members Ada, Ben and Cleo, the plan `plus` of a month, and `gold` of a year."""
    clock = SetClock(START)
    async with db.transaction() as connection:
        made = await programs.insert(
            connection, replace(SETTINGS, late_days=late_days), "America/New_York", START, "tester"
        )
        assert made is not None
        await members.insert(connection, made, ["ada", "ben", "cleo"], START, "tester")
        for plan_id, months in (("plus", 1), ("gold", 12)):
            await plans.insert(connection, made, plan_id, PlanTerms("", months, 0), START, "tester")
    return Desk(db, made, clock)


async def test_a_lapse_is_told_once_when_nothing_prolongs_the_plan_and_after_any_downtime(db: Database) -> None:
    desk = await open_desk(db)
    for member_id in ("ada", "ada", "ben", "cleo"):
        await desk.buy(member_id)
    await desk.buy("ben", "gold")
    assert await desk.told(START + timedelta(days=27)) == []
    async with db.transaction() as connection:
        cleo = await members.find(connection, desk.program, "cleo")
        assert cleo is not None
        await members.end(connection, cleo.member_no, Ended.CLOSED)
    assert await desk.told(START + timedelta(days=28)) == [("ben", "plus", "2026-02-28T12:00")]
    assert await desk.told(START + timedelta(days=40)) == []
    # the clock has gone forward: noon in UTC is 8:00 there
    assert await desk.told(START + timedelta(days=800)) == [
        ("ada", "plus", "2026-03-31T11:00"),
        ("ben", "gold", "2027-02-28T12:00"),
    ]
    assert (await desk.buy("ada")).start_time == desk.clock.time


async def test_a_late_event_leaves_the_plan_with_what_is_rated_anew(db: Database) -> None:
    desk = await open_desk(db, late_days=60)
    await Rules(db, desk.clock).create(desk.program, TWICE, None, desk.request(), "tester")
    await desk.buy("ada")
    desk.clock.time += timedelta(days=30)
    assert await desk.points("inside", 10, START + timedelta(days=2)) == 20
    assert await desk.points("after", 10, START + timedelta(days=29)) == 10
    assert await desk.points("late", 100, START + timedelta(days=1)) == 200
    async with db.acquire() as connection:
        found = await purchases.find_all(connection, desk.program, ["inside", "after"])
    # silver from the late one on: a quarter more on the base of 10, and once more for the plan inside its period
    assert {one: purchase.award.points for one, (purchase, _) in found.items()} == {"inside": 22, "after": 12}


async def test_a_benefit_that_a_late_event_brings_uses_the_period_of_its_purchase(db: Database) -> None:
    desk = await open_desk(db, late_days=60)
    rule = replace(TWICE, condition="member.plan == 'plus' && member.tier == 'silver'")
    await Rules(db, desk.clock).create(desk.program, rule, None, desk.request(), "tester")
    await desk.buy("ada")
    await desk.buy("ada")
    desk.clock.time += timedelta(days=2)
    assert await desk.points("inside", 10, START + timedelta(days=1)) == 10
    assert await desk.points("before", 100, START - timedelta(days=1)) == 100
    cancelled, _ = await PlanPeriods(db, desk.clock).cancel(desk.program, "ada", desk.request())
    assert [one.start_time for one in cancelled] == [datetime(2026, 2, 28, 12, tzinfo=UTC)]


async def test_a_lapse_is_told_once_also_by_two_who_look_at_once(db: Database) -> None:
    desk = await open_desk(db)
    period = await desk.buy("ada")
    desk.clock.time = period.end_time
    async with db.transaction() as connection:
        await connection.execute("delete from outbox")
    service = PlanPeriods(db, desk.clock)
    await asyncio.gather(*(service.advance(period.period_no) for _ in range(4)))
    async with db.acquire() as connection:
        assert await connection.fetchval("select count(*) from outbox") == 1
