"""The recovery loop: due records are advanced by one worker at a time until they are finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from guerdon_kit.clock import FixedClock
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.provision import ServiceDatabase, connected
from guerdon_kit.saga import Claim, Records, RecoveryLoop
from guerdon_kit.testing import wait_until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    rows = await connection.fetch(
        "update sagas set due_time = $2, attempts = attempts + 1 where id in ("
        " select id from sagas where due_time <= $1 order by due_time limit $3 for update skip locked"
        ") returning id, attempts",
        now,
        lease_end,
        most,
    )
    return [Claim(row["id"], row["attempts"]) for row in rows]


async def put_off(connection: Connection, record: int, due: datetime) -> None:
    await connection.execute("update sagas set due_time = $2 where id = $1 and due_time is not null", record, due)


@pytest.fixture
async def sagas(db: Database, kit_database: ServiceDatabase) -> Database:
    async with connected(kit_database.owner_url) as owner:
        await owner.execute("create table sagas (id int primary key, due_time timestamptz, attempts int default 0)")
        await owner.execute(f'grant select, insert, update on sagas to "{kit_database.runtime_role}"')
    return db


async def begin(db: Database, *records: int, due: datetime = NOON) -> None:
    async with db.acquire() as connection:
        await connection.executemany("insert into sagas values ($1, $2)", [(record, due) for record in records])


async def unfinished(db: Database) -> dict[int, datetime]:
    async with db.acquire() as connection:
        rows = await connection.fetch("select id, due_time from sagas where due_time is not null")
    return {row["id"]: row["due_time"] for row in rows}


def loop(
    db: Database, clock: FixedClock, advance: Callable[[int], Awaitable[None]], most: int = 4
) -> RecoveryLoop[int]:
    return RecoveryLoop(
        "test",
        db,
        clock,
        Records(claim, put_off),
        advance,
        poll=timedelta(milliseconds=5),
        lease=LEASE,
        most=most,
        first_delay=timedelta(seconds=1),
        most_delay=timedelta(seconds=60),
    )


def finishing(db: Database, advanced: list[int]) -> Callable[[int], Awaitable[None]]:
    async def advance(record: int) -> None:
        advanced.append(record)
        async with db.acquire() as connection:
            await connection.execute("update sagas set due_time = null where id = $1", record)

    return advance


@asynccontextmanager
async def running(*loops: RecoveryLoop[int]) -> AsyncIterator[None]:
    jobs = [asyncio.create_task(one.run()) for one in loops]
    try:
        yield
    finally:
        for job in jobs:
            job.cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(*jobs, return_exceptions=True)


async def test_due_records_are_advanced_and_others_left_alone(sagas: Database) -> None:
    await begin(sagas, 1, 2)
    await begin(sagas, 3, due=NOON + timedelta(seconds=1))
    advanced: list[int] = []
    clock = FixedClock(NOON)
    one = loop(sagas, clock, finishing(sagas, advanced))
    assert await one.turn() == 2
    assert sorted(advanced) == [1, 2]
    clock.advance(timedelta(seconds=1))
    await one.turn()
    assert sorted(advanced) == [1, 2, 3]


async def test_several_workers_advance_each_record_once(sagas: Database) -> None:
    await begin(sagas, *range(50))
    advanced: list[int] = []
    async with running(*(loop(sagas, FixedClock(NOON), finishing(sagas, advanced)) for _ in range(3))):

        async def all_finished() -> bool:
            return not await unfinished(sagas)

        await wait_until(all_finished)
    assert sorted(advanced) == list(range(50))


async def test_a_record_whose_worker_died_becomes_due_when_its_lease_ends(sagas: Database) -> None:
    await begin(sagas, 1)
    clock = FixedClock(NOON)
    started = asyncio.Event()

    async def stuck(_: int) -> None:
        started.set()
        await asyncio.Event().wait()

    async with running(loop(sagas, clock, stuck)):
        await started.wait()
    advanced: list[int] = []
    heir = loop(sagas, clock, finishing(sagas, advanced))
    assert await heir.turn() == 0
    clock.advance(LEASE)
    assert await heir.turn() == 1
    assert advanced == [1]


async def test_one_failure_is_its_own_and_is_tried_again_later_and_later(sagas: Database) -> None:
    await begin(sagas, 1, 2)
    clock = FixedClock(NOON)
    advanced: list[int] = []
    finish = finishing(sagas, advanced)

    async def advance(record: int) -> None:
        if record == 1:
            raise RuntimeError
        await finish(record)

    one = loop(sagas, clock, advance)
    delays = []
    for _ in range(9):
        await one.turn()
        due = (await unfinished(sagas))[1]
        delays.append(int((due - clock.now()).total_seconds()))
        clock.time = due
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert advanced == [2]


async def test_no_more_are_advanced_at_once_than_stated(sagas: Database) -> None:
    await begin(sagas, *range(20))
    now = most = 0
    finish = finishing(sagas, [])

    async def advance(record: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await finish(record)
        now -= 1

    one = loop(sagas, FixedClock(NOON), advance, most=3)
    while await one.turn():
        pass
    assert most == 3
    assert not await unfinished(sagas)
