"""Birthdays and anniversaries in membership's own database: given once a year, whoever looks and after any downtime."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from guerdon_kit.postgres import Connection, Database
from membership.domain.activities import ActivityTerms, ActivityType, Occasion
from membership.domain.members import Ended
from membership.domain.profiles import Profile
from membership.domain.program import Program
from membership.jobs.occasions import occasions as loop
from membership.operations.occasions import Occasions
from membership.store import activities, deliveries, members, occasions, profiles
from tests.integration.membership.conftest import SetClock

MADE = datetime(2026, 2, 20, 12, tzinfo=UTC)


async def enroll(db: Database, program: Program, member_id: str, time: datetime, born: date | None = None) -> int:
    async with db.transaction() as connection:
        [member] = await members.insert(connection, program, [member_id], time, "tester")
        if born is not None:
            await profiles.write(connection, program, {member.member_no: Profile(birth_date=born)})
    return member.member_no


async def make(db: Database, program: Program, occasion: Occasion, points: int = 100) -> occasions.Key:
    terms = ActivityTerms(occasion.name, points)
    one = ActivityType(occasion.name, occasion, 1, terms, archived=False, create_time=MADE, update_time=MADE)
    async with db.transaction() as connection:
        assert await occasions.insert(connection, program, one)
        await activities.insert_version(connection, program, one.type_id, 1, terms, MADE, "tester")
    return program.program_no, one.type_id


async def given(db: Database) -> list[tuple[str, datetime]]:
    """Who got a bonus for which moment, in the order of moments."""
    async with db.acquire() as connection:
        rows = await connection.fetch(
            """
            select m.member_id, b.event_time
            from bonuses b join members m using (member_no) join activities a on 'a-' || a.activity_id = b.bonus_id
            order by b.event_time, m.member_id
            """
        )
    return [(row["member_id"], row["event_time"]) for row in rows]


def midnight(*day: int) -> datetime:
    """When a day begins in New York in winter."""
    return datetime(*day, 5, tzinfo=UTC)  # type: ignore[arg-type,misc]  # year, month and day


async def test_birthdays_are_given_on_their_day_by_however_many_workers_and_once_a_year(
    db: Database, program: Program
) -> None:
    for member_id, born in (("leap", date(1996, 2, 29)), ("ada", date(1990, 2, 28)), ("eve", date(1990, 3, 1))):
        await enroll(db, program, member_id, MADE, born)
    await enroll(db, program, "ben", MADE)
    key = await make(db, program, Occasion.BIRTHDAY)
    clock = SetClock(MADE)
    service = Occasions(db, clock)
    workers = [loop(db, clock, service) for _ in range(3)]
    for time, so_far in (
        (MADE, 0),
        (datetime(2026, 2, 28, 4, 59, tzinfo=UTC), 0),
        (datetime(2026, 2, 28, 5, tzinfo=UTC), 2),
        (datetime(2026, 2, 28, 23, tzinfo=UTC), 2),
        (datetime(2026, 3, 1, 5, tzinfo=UTC), 3),
        (datetime(2027, 3, 1, 5, tzinfo=UTC), 6),
        (datetime(2028, 2, 29, 5, tzinfo=UTC), 8),
    ):
        clock.time = time
        await asyncio.gather(*(worker.turn() for worker in workers))
        await asyncio.gather(*(service.advance(key) for _ in range(4)))
        assert len(await given(db)) == so_far, time
    assert await given(db) == [
        ("ada", midnight(2026, 2, 28)),
        ("leap", midnight(2026, 2, 28)),
        ("eve", midnight(2026, 3, 1)),
        ("ada", midnight(2027, 2, 28)),
        ("leap", midnight(2027, 2, 28)),
        ("eve", midnight(2027, 3, 1)),
        ("ada", midnight(2028, 2, 28)),
        ("leap", midnight(2028, 2, 29)),
    ]


async def test_an_anniversary_is_of_the_day_in_the_programs_zone_from_the_next_year_on(
    db: Database, program: Program
) -> None:
    await enroll(db, program, "ada", datetime(2024, 3, 1, 4, tzinfo=UTC))  # 29 February in New York
    await enroll(db, program, "ben", datetime(2026, 2, 28, 17, tzinfo=UTC))
    key = await make(db, program, Occasion.ENROLLMENT_ANNIVERSARY)
    service = Occasions(db, clock := SetClock(datetime(2026, 3, 2, tzinfo=UTC)))
    await service.advance(key)
    assert await given(db) == [("ada", midnight(2026, 2, 28))]
    clock.time = datetime(2027, 3, 2, tzinfo=UTC)
    await service.advance(key)
    assert [who for who, _ in await given(db)] == ["ada", "ada", "ben"]


async def test_missed_days_are_made_up_for_to_those_who_were_members_then_and_are_alive(
    db: Database, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("membership.operations.occasions.CHUNK", 2)
    for n in range(5):
        await enroll(db, program, f"m{n}", MADE, date(1990, 6, 10))
    await enroll(db, program, "late", datetime(2026, 6, 11, 12, tzinfo=UTC), date(1990, 6, 10))
    gone = await enroll(db, program, "gone", MADE, date(1990, 6, 10))
    async with db.transaction() as connection:
        await members.end(connection, gone, Ended.CLOSED)
    key = await make(db, program, Occasion.BIRTHDAY)
    service = Occasions(db, SetClock(datetime(2026, 6, 20, 12, tzinfo=UTC)))
    await service.advance(key)
    assert [who for who, _ in await given(db)] == [f"m{n}" for n in range(5)]
    async with db.acquire() as connection:
        numbers = await connection.fetch("select delivery_no from deliveries order by delivery_no")
        found = [await deliveries.find(connection, row["delivery_no"]) for row in numbers]
    due = [(bonus.member_id, bonus.points) for one in found if one for bonus in one.bonuses]
    assert due == [(f"m{n}", 100) for n in range(5)], "what is given is on its way to the ledger"


async def test_a_change_of_a_birth_date_brings_no_second_bonus_in_a_year(db: Database, program: Program) -> None:
    number = await enroll(db, program, "ada", MADE, date(1990, 6, 10))
    key = await make(db, program, Occasion.BIRTHDAY)
    service = Occasions(db, clock := SetClock(datetime(2026, 6, 10, 12, tzinfo=UTC)))
    await service.advance(key)

    async def change(connection: Connection) -> None:
        await profiles.write(connection, program, {number: Profile(birth_date=date(1990, 6, 11))})

    await db.run(change)
    clock.time += timedelta(days=1)
    await service.advance(key)
    assert await given(db) == [("ada", datetime(2026, 6, 10, 4, tzinfo=UTC))]


async def test_nothing_is_given_for_an_archived_type(db: Database, program: Program) -> None:
    await enroll(db, program, "ada", MADE, date(1990, 6, 10))
    key = await make(db, program, Occasion.BIRTHDAY)
    async with db.transaction() as connection:
        await activities.archive_type(connection, program, key[1])
    clock = SetClock(datetime(2026, 6, 10, 12, tzinfo=UTC))
    await Occasions(db, clock).advance(key)
    assert await loop(db, clock, Occasions(db, clock)).turn() == 0
    assert await given(db) == []
