"""A batch that was decided without locks is written if all that it was decided on still is as it was, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from guerdon_kit.clock import SystemClock
from guerdon_kit.postgres import Connection, Database, load_queries
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory, wait_until
from ledger.domain.model import Program
from ledger.operations.batch import UNLOCKED_MAX
from ledger.operations.history import History
from ledger.store.history import At

queries = load_queries("ledger")

SHARD = 1
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 1, 1, tzinfo=UTC)
ADA, BEN, SHOP = 11, 12, 1


_ACCOUNT = """
insert into accounts (shard, id, program, unit, kind, name, create_time) values ($1, $2, 1, 1, $3, $4, $5)
"""


@pytest.fixture
def database(databases: DatabaseFactory) -> Iterator[ServiceDatabase]:
    made = databases.make("ledger")
    yield made
    databases.drop(made)


@pytest.fixture
async def connection(database: ServiceDatabase) -> AsyncIterator[Connection]:
    """As the service itself, to a ledger of two members and an issuer."""
    opened = await asyncpg.connect(database.runtime_url)
    for id_, kind in ((ADA, 1), (BEN, 1), (SHOP, 2)):
        await opened.execute(_ACCOUNT, SHARD, id_, kind, f"a{id_}", NOW)
    yield opened
    await opened.close()


def earn(number: int, account: int, *, was: int, version: int = 1, key: bytes = b"") -> dict[str, Any]:
    """A batch that credits 5 points to an account that the batch `was` wrote last."""
    at = NOW + timedelta(seconds=number)
    return {
        "shard": SHARD,
        "batch": number,
        "transactions": [(number, 1, 1, 1, at, at, "tester", None, None, None)],
        "postings": [(number, 0, SHOP, account, 5, None, None, version, 5 * version, None, None, 0, 0, None)],
        "events": [],
        "lots": [(number, account, number, 5, 5, 0, 0, NOW + timedelta(days=9), at, at, None)],
        "changed_lots": [],
        "holds": [],
        "changed_holds": [],
        "accounts": [
            (account, was, version - 1, True, version, 5 * version, 0, 0, 0, 5 * version, 5 * version, 0, at, NOW)
        ],
        "requests": [(key or number.to_bytes(16, "big"), b"digest", b"", b"outcome", None)],
        "record_time": at,
        "programs": [1],
        "close_times": [None],
        "latest": FAR,
    }


def looking_at(batch: dict[str, Any], account: int, *, was: int, version: int = 0) -> dict[str, Any]:
    """The same, decided on another account besides, which it leaves as it is."""
    row = (account, was, version, False, 0, 0, 0, 0, 0, 0, 0, 0, NOW, NOW)
    return batch | {"accounts": [row, *batch["accounts"]]}


async def stored(connection: Connection) -> list[int]:
    """How many there are of each, and the sum of what members have."""
    row = await connection.fetchrow(
        """select (select count(*) from transactions), (select count(*) from postings), (select count(*) from lots),
                  (select count(*) from ledger_requests), (select sum(posted)::bigint from accounts)"""
    )
    assert row is not None
    return list(row.values())


async def test_what_nobody_has_changed_is_written(connection: Connection) -> None:
    await queries.write_batch(connection, **earn(100, ADA, was=0))
    await queries.write_batch(connection, **earn(200, ADA, was=100, version=2))
    await queries.write_batch(connection, **looking_at(earn(300, BEN, was=0), ADA, was=200, version=2))
    assert await stored(connection) == [3, 3, 3, 3, 15]


@pytest.mark.parametrize(
    "late",
    [
        earn(200, ADA, was=0, version=2),
        earn(200, ADA, was=100, version=1),
        looking_at(earn(200, BEN, was=0), ADA, was=100),
        looking_at(earn(200, BEN, was=0), ADA, was=0, version=1),
        earn(200, ADA, was=100, version=2, key=(100).to_bytes(16, "big")),
        earn(200, ADA, was=100, version=2) | {"close_times": [NOW]},
        earn(200, ADA, was=100, version=2) | {"latest": NOW},
        earn(200, 404, was=0),
    ],
    ids=[
        "changed",
        "changed by an older release",
        "looked at and changed by an older release",
        "changed though only looked at",
        "recorded",
        "reopened",
        "too late",
        "gone",
    ],
)
async def test_what_is_not_as_it_was_is_not_written(connection: Connection, late: dict[str, Any]) -> None:
    await queries.write_batch(connection, **earn(100, ADA, was=0))
    with pytest.raises(asyncpg.SerializationError):
        await queries.write_batch(connection, **late)
    assert await stored(connection) == [1, 1, 1, 1, 5]


async def test_nothing_is_written_into_books_that_were_closed_meanwhile(connection: Connection) -> None:
    closing = "insert into books_changes values ($1, 1, 1, $2, 'tester', 'tester', '', $2)"
    await connection.execute(closing, SHARD, NOW)
    with pytest.raises(asyncpg.SerializationError, match="closed"):
        await queries.write_batch(connection, **earn(100, ADA, was=0))
    await queries.write_batch(connection, **earn(100, ADA, was=0) | {"close_times": [NOW]})
    assert await stored(connection) == [1, 1, 1, 1, 5]


@pytest.mark.parametrize("alone", [True, False], ids=["one account", "several accounts"])
@pytest.mark.parametrize("commits", [True, False], ids=["committed", "rolled back"])
async def test_whoever_waits_for_another_looks_after_the_wait(
    connection: Connection, database: ServiceDatabase, *, alone: bool, commits: bool
) -> None:
    late = earn(200, ADA, was=0) if alone else looking_at(earn(200, ADA, was=0), BEN, was=0)
    other = await asyncpg.connect(database.runtime_url)
    try:
        first = other.transaction()
        await first.start()
        await queries.write_batch(other, **earn(100, ADA, was=0))
        waiting = asyncio.create_task(queries.write_batch(connection, **late))

        async def waits() -> bool:
            return bool(await other.fetchval("select exists (select from pg_locks where not granted)"))

        await wait_until(waits)
        if commits:
            await first.commit()
            with pytest.raises(asyncpg.SerializationError):
                await waiting
        else:
            await first.rollback()
            await waiting
    finally:
        await other.close()
    assert await stored(connection) == [1, 1, 1, 1, 5]


async def test_who_asks_for_a_record_time_waits_for_what_may_still_be_written_before_it(
    connection: Connection, database: ServiceDatabase
) -> None:
    opened = await Database.open(database.runtime_url, name="test")
    try:
        asked = await queries.clock(connection)
        batch = earn(100, ADA, was=0) | {"latest": asked + UNLOCKED_MAX}
        await History(opened, SystemClock()).trial_balance(Program(1, "shop", "UTC", SHARD), At(record_time=asked))
        with pytest.raises(asyncpg.SerializationError, match="too long ago"):
            await queries.write_batch(connection, **batch)
    finally:
        await opened.close()
