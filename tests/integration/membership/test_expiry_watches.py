"""When members are looked at for points that expire, and that what is due is told by one of those who look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from guerdon_kit.postgres import Connection, Database
from membership.domain.deliveries import Delivery, DuePurchase
from membership.domain.program import Program
from membership.domain.purchases import Spot
from membership.operations.reminders import look_again
from membership.store import expiry_watches, members, programs
from tests.integration.membership.conftest import ACME

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
END_OF_MARCH = datetime(2027, 4, 1, 4, tzinfo=UTC)
MARCH_FIRST = datetime(2027, 3, 1, 5, tzinfo=UTC)
"""When the 30th day before the last begins in New York."""


async def made(connection: Connection, *member_ids: str) -> tuple[Program, list[int]]:
    """A program with reminders, and members."""
    settings = replace(ACME, welcome_points=0, expiry_reminder_days=(7, 30))
    program = await programs.insert(connection, settings, "America/New_York", NOW, "tester")
    assert program is not None
    assert await programs.find(connection, "acme") == program
    enrolled = await members.insert(connection, program, member_ids, NOW, "tester")
    return program, [one.member_no for one in enrolled]


async def claimed(connection: Connection, now: datetime) -> list[int]:
    """Who is looked at, for a minute."""
    return [one.id for one in await expiry_watches.claim(connection, now, now + timedelta(minutes=1), 16)]


async def test_who_is_given_points_is_looked_at_when_their_reminder_is_due_and_told_by_one(db: Database) -> None:
    async with db.transaction() as connection:
        program, [ada, ben] = await made(connection, "ada", "ben")
        given = [(ada, END_OF_MARCH + timedelta(days=90)), (ada, END_OF_MARCH), (ben, None), (ben, NOW)]
        await expiry_watches.watch(connection, program, given, NOW)
        assert await expiry_watches.find(connection, ben) is None
        due = [await claimed(connection, NOW + timedelta(days=30) * n) for n in (0, 1)]
        assert due == [[], [ada]], "a month later at the latest"
        found = await expiry_watches.find(connection, ada)
        assert found is not None
        assert found.seen_day == date(2027, 1, 10)
        moves = [await expiry_watches.move(connection, found, date(2027, 2, 9), MARCH_FIRST) for _ in range(2)]
        assert moves == [True, False], "one of two who look tells"
        assert await claimed(connection, MARCH_FIRST - timedelta(seconds=1)) == []
        assert await claimed(connection, MARCH_FIRST) == [ada]


async def test_points_given_while_somebody_looks_are_looked_at_and_none_given_after_its_day_has_a_reminder(
    db: Database,
) -> None:
    async with db.transaction() as connection:
        program, [ada] = await made(connection, "ada")
        await expiry_watches.watch(connection, program, [(ada, END_OF_MARCH)], NOW)
        found = await expiry_watches.find(connection, ada)
        assert found is not None
        soon = NOW + timedelta(days=9)
        await expiry_watches.watch(connection, program, [(ada, soon)], NOW)
        assert not await expiry_watches.move(connection, found, date(2027, 1, 10), None)
        assert await claimed(connection, NOW + timedelta(days=2)) == [ada]
        found = await expiry_watches.find(connection, ada)
        assert found is not None
        assert await expiry_watches.move(connection, found, date(2027, 1, 12), None)
        later = NOW + timedelta(days=300)
        await expiry_watches.watch(connection, program, [(ada, later + timedelta(days=20))], later)
        found = await expiry_watches.find(connection, ada)
        assert found is not None
        assert found.seen_day == later.date()


async def test_points_that_come_to_the_ledger_after_a_look_are_looked_at_again(db: Database) -> None:
    async with db.transaction() as connection:
        program, [ada] = await made(connection, "ada")
        await expiry_watches.watch(connection, program, [(ada, END_OF_MARCH)], NOW)
        found = await expiry_watches.find(connection, ada)
        assert found is not None
        later = NOW + timedelta(days=30)
        assert await expiry_watches.move(connection, found, later.date(), None), "nothing is in the ledger yet"
        due = DuePurchase("p1", "ada", NOW, NOW, 100, END_OF_MARCH, Spot(1, 1))
        await look_again(connection, Delivery(1, program, "tester", [], [due]), later)
        assert await claimed(connection, MARCH_FIRST - timedelta(seconds=1)) == []
        assert await claimed(connection, MARCH_FIRST) == [ada]


async def test_points_that_come_between_two_looks_have_no_reminder_of_a_day_before_and_take_none_from_others(
    db: Database,
) -> None:
    async with db.transaction() as connection:
        program, [ada] = await made(connection, "ada")

        async def seen_after(now: datetime, days: int) -> date:
            """The day up to which all is told, when points came that expire in so many days."""
            await expiry_watches.watch(connection, program, [(ada, now + timedelta(days=days))], now)
            return (await watched()).seen_day

        async def watched() -> expiry_watches.Watch:
            found = await expiry_watches.find(connection, ada)
            assert found is not None
            return found

        await expiry_watches.watch(connection, program, [(ada, END_OF_MARCH)], NOW)
        assert await expiry_watches.move(connection, await watched(), date(2027, 2, 9), MARCH_FIRST)
        on_time, late = MARCH_FIRST - timedelta(hours=5), MARCH_FIRST + timedelta(hours=5)
        assert await seen_after(on_time, 365) == date(2027, 2, 9)
        assert await seen_after(on_time, 20) == date(2027, 2, 18), "30 days before their last"
        assert await seen_after(on_time, 10) == date(2027, 2, 18)
        assert await seen_after(late, 3) == date(2027, 2, 18), "what was due this morning is not told yet"
        assert await claimed(connection, late) == [ada]
        assert await seen_after(late, 3) == date(2027, 2, 18), "a look is under way"
        assert await expiry_watches.move(connection, await watched(), date(2027, 3, 1), END_OF_MARCH)
        assert await seen_after(late + timedelta(days=5), 3) == date(2027, 3, 2), "7 days before their last"


async def test_a_survivor_is_looked_at_for_both_and_not_told_again(db: Database) -> None:
    async with db.transaction() as connection:
        program, [old, new] = await made(connection, "old", "new")
        await expiry_watches.watch(connection, program, [(old, NOW + timedelta(days=12))], NOW)
        await expiry_watches.watch(connection, program, [(new, END_OF_MARCH)], NOW - timedelta(days=3))
        await expiry_watches.merge(connection, old, new)
        found = await expiry_watches.find(connection, new)
        assert found is not None
        assert found.seen_day == NOW.date()
        assert new in await claimed(connection, NOW + timedelta(days=5))
