"""Tiers in membership's own database: told as they change, once, whoever looks and after any downtime."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from guerdon_kit.postgres import Connection, Database
from membership.domain.members import Ended
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, State
from membership.domain.rows import Row
from membership.domain.tier_policy import Downgrade, Metric, Period, TierPolicy
from membership.jobs.tiers import ending_years, turning
from membership.operations import standings
from membership.operations.recording import Recording, record_rows
from membership.operations.rules import Rulebooks
from membership.operations.standings import Standings
from membership.store import members, merges, programs, purchases
from tests.integration.membership.conftest import ACME, SetClock

MADE = datetime(2025, 3, 1, 12, tzinfo=UTC)
Told = tuple[str, str, str, str]


@dataclass
class Tills:
    """A program with tiers, its members' purchases, and workers that tell of tiers."""

    db: Database
    program: Program
    clock: SetClock

    async def buy(self, purchase_id: str, member_id: str, dollars: int, *day: int) -> int:
        """Records a purchase of a moment in UTC, as of which the clock stands; answers the level it was rated by."""
        self.clock.time = max(self.clock.time, datetime(*day, tzinfo=UTC))  # type: ignore[arg-type,misc]  # a moment
        event_us = to_microseconds(datetime(*day, tzinfo=UTC))  # type: ignore[arg-type,misc]  # likewise
        now = self.clock.time
        recording = Recording(now, now + timedelta(days=1000), "tester")

        async def work(connection: Connection) -> int:
            row = Row(0, purchase_id, member_id, event_us, dollars * 100)
            recorded = await record_rows(connection, self.program, Rulebooks(), [row], recording, enroll_unknown=True)
            return recorded.rated[0].level

        return await self.db.run(work)

    async def bring_back(self, purchase_id: str, dollars: int) -> None:
        """Takes off what a return of so much takes, at a point for each dollar."""

        async def work(connection: Connection) -> None:
            found = await purchases.find(connection, self.program, purchase_id)
            assert found is not None
            purchase, now = found[0], self.clock.time
            member = await members.hold(connection, self.program, purchase.member_id)
            goods = GoodsReturn(
                "r", purchase_id, now, now, dollars * 100, dollars, dollars * 100, dollars, State.PENDING, 0
            )
            nothing_left = goods.cumulative_amount == purchase.amount
            taken = standings.Taken(goods.points, goods.amount, nothing_left)
            await standings.take_off(connection, self.program, member, purchase, taken, goods.record_time)

        await self.db.run(work)

    async def told(self, *day: int) -> list[Told]:
        """What three workers tell up to a moment in UTC: kind, member, tier, and the day's beginning."""
        if day:
            self.clock.time = datetime(*day, tzinfo=UTC)  # type: ignore[arg-type,misc]  # a moment
        service = Standings(self.db, self.clock)
        async with self.db.transaction() as connection:
            await connection.execute("delete from outbox")
        loops = [make(self.db, self.clock, service) for make in (turning, ending_years) for _ in range(3)]
        while sum(await asyncio.gather(*(loop.turn() for loop in loops))):
            pass
        async with self.db.acquire() as connection:
            rows = await connection.fetch("select type, key, data from outbox order by id")
        return [
            (
                row["type"].rpartition("_")[2],
                row["key"].rpartition("/")[2],
                row["data"]["tier_id"],
                row["data"]["event_time"][:16],
            )
            for row in rows
        ]

    async def tier(self, member_id: str) -> str:
        """The tier that a member holds."""
        async with self.db.acquire() as connection:
            member = await members.find(connection, self.program, member_id)
            assert member is not None
            found = await standings.read(connection, self.program, [member], self.clock.time)
        return found[member.member_no].tier_id


async def open_tills(db: Database, policy: TierPolicy) -> Tills:
    """Silver at 100, gold at 500, counted as the policy says."""
    settings = replace(ACME, tier_policy=policy, welcome_points=0, expiry=None)
    async with db.transaction() as connection:
        made = await programs.insert(connection, settings, "America/New_York", MADE, "tester")
        assert made is not None
        assert await programs.find(connection, "acme") == made
    return Tills(db, made, SetClock(MADE))


async def test_an_upgrade_in_the_middle_of_a_day_counts_for_the_next_order(db: Database) -> None:
    tills = await open_tills(db, TierPolicy(Metric.VISITS, Period.MEMBER_YEAR))
    async with db.transaction() as connection:
        [member] = await members.insert(connection, tills.program, ["ada"], MADE, "tester")
    walk_in = [await tills.buy(f"p{n}", "ada", 1, 2025, 6, 1, 14, 0, n % 60) for n in range(102)]
    assert walk_in == [0] * 100 + [1] * 2
    assert await tills.told() == [("joined", "ada", "silver", "2025-06-01T04:00")]
    assert await tills.told() == []
    async with db.acquire() as connection:
        standing = (await standings.read(connection, tills.program, [member], tills.clock.time))[member.member_no]
    assert (standing.counted, standing.next_tier_id, standing.missing_to_next_tier) == (102, "gold", 398)
    assert standing.tier_end_time == datetime(2027, 3, 1, 5, tzinfo=UTC), "the end of the second member's year"


async def test_a_year_ends_with_grace_at_local_midnights_on_both_sides_of_the_clocks_change(db: Database) -> None:
    """The clocks of New York go forward on 8 March 2026: 70 days of grace end at 04:00 UTC, not at 05:00."""
    tills = await open_tills(db, TierPolicy(Metric.SPEND, grace_days=70, downgrade=Downgrade.ONE_LEVEL))
    await tills.buy("old", "ada", 6, 2024, 12, 31, 12)
    assert await tills.told() == [("joined", "ada", "gold", "2025-03-01T05:00")], "told from when it was known"
    assert await tills.told(2026, 3, 12, 3, 59) == []
    assert await tills.buy("last", "ada", 0, 2026, 3, 12, 3, 59) == 2
    assert await tills.told(2026, 3, 12, 4) == [("downgraded", "ada", "silver", "2026-03-12T04:00")]
    assert await tills.buy("next", "ada", 0, 2026, 3, 12, 4) == 1
    assert await tills.told(2027, 3, 11, 23) == []
    assert await tills.told(2027, 3, 12, 5) == [("left", "ada", "", "2027-03-12T05:00")]


async def test_what_was_missed_is_told_in_its_order(db: Database) -> None:
    tills = await open_tills(db, TierPolicy(period=Period.ROLLING_YEAR, counted_after_days=14))
    await tills.buy("first", "ada", 500, 2025, 3, 2, 12)
    await tills.buy("second", "ada", 100, 2026, 2, 1, 12)
    await tills.buy("third", "ada", 50, 2026, 6, 1, 12)
    assert await tills.told(2029, 1, 1) == [
        ("joined", "ada", "gold", "2025-03-16T04:00"),
        ("prolonged", "ada", "gold", "2026-03-16T04:00"),
        ("downgraded", "ada", "silver", "2027-02-15T05:00"),
        ("left", "ada", "", "2028-02-15T05:00"),
    ]


@pytest.mark.parametrize(
    ("policy", "back"),
    [(TierPolicy(), 60), (TierPolicy(Metric.SPEND), 549), (TierPolicy(period=Period.ROLLING_YEAR), 60)],
)
async def test_returns_take_a_member_below_a_threshold(db: Database, policy: TierPolicy, back: int) -> None:
    tills = await open_tills(db, policy)
    await tills.buy("p", "ada", 550, 2025, 6, 1, 12)
    await tills.told()
    before = await tills.tier("ada")
    async with db.transaction() as connection:
        await connection.execute("delete from outbox")
    await tills.bring_back("p", back)
    assert (before, await tills.tier("ada")) == ("gold", "silver")
    async with db.acquire() as connection:
        at_once = await connection.fetch("select type from outbox")
    late = [] if policy.plain else await tills.told()
    assert [row["type"].rpartition("_")[2] for row in at_once] + [kind for kind, *_ in late] == ["downgraded"]


async def test_the_end_of_a_calendar_year_is_told_once_page_by_page(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standings, "PAGE", 2)
    tills = await open_tills(db, TierPolicy())
    for member_id, year, dollars in (("new", 2026, 100), ("top", 2025, 500), ("low", 2025, 100), ("nil", 2025, 99)):
        await tills.buy(f"{member_id}-1", member_id, dollars, year, 6, 1, 12)
    for member_id in ("kept", "gone"):
        await tills.buy(f"{member_id}-1", member_id, 100, 2025, 6, 1, 12)
    await tills.buy("kept-2", "kept", 100, 2026, 6, 1, 12)
    await tills.buy("top-2", "top", 100, 2026, 6, 1, 12)
    async with db.transaction() as connection:
        gone = await members.hold(connection, tills.program, "gone")
        await members.end(connection, gone.member_no, Ended.CLOSED)
    assert await tills.told(2027, 1, 1, 4, 59) == []
    assert sorted(await tills.told(2027, 1, 1, 5)) == [
        ("downgraded", "top", "silver", "2027-01-01T05:00"),
        ("left", "low", "", "2027-01-01T05:00"),
        ("prolonged", "kept", "silver", "2027-01-01T05:00"),
    ]
    assert await tills.told() == []
    assert sorted(await tills.told(2030, 6, 1)) == [
        ("left", who, "", "2028-01-01T05:00") for who in ("kept", "new", "top")
    ]


async def test_who_is_merged_brings_along_what_counts_by_days(db: Database) -> None:
    tills = await open_tills(db, TierPolicy(Metric.VISITS, Period.MEMBER_YEAR))
    for n in range(60):
        await tills.buy(f"old-{n}", "old", 1, 2025, 6, 1, 12)
        await tills.buy(f"new-{n}", "new", 1, 2025, 6, 1 + n % 2, 12)
    async with db.transaction() as connection:
        old, new = [await members.hold(connection, tills.program, who) for who in ("old", "new")]
        await merges.insert(connection, tills.program, old, new, "tester", MADE)
        found = await standings.read(connection, tills.program, [new], tills.clock.time)
    assert (found[new.member_no].tier_id, found[new.member_no].counted) == ("silver", 120)
