"""Sealing: everything once, nothing that may still change, by any number of sealers; and what exactly a leaf is."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import asyncpg
import pytest

from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import ServiceDatabase
from ledger.domain.chain import GENESIS, block_hash
from ledger.jobs.sealer import seal
from ledger.store import chain

INSERT = (
    "insert into postings (shard, id, ordinal, source, destination, amount) "
    "select 0, n, 0, 1, 2, 10 from generate_series({0}::bigint, {1}) as n"
)
EVENT = (
    "insert into account_events (shard, account, version, kind, actor, record_time) "
    "values (0, 7, {0}, 5, 'somebody', '2026-01-01Z')"
)


@dataclass
class Chain:
    """A ledger's database without a ledger."""

    databases: ServiceDatabase
    owner: asyncpg.Connection
    ledger: Database

    async def check(self) -> list[chain.Seal]:
        """The blocks, which link and are what their rows come to."""
        async with self.ledger.acquire() as connection:
            seals = [one async for one in chain.seals(connection, 0)]
            previous, end = GENESIS, 0
            for number, one in enumerate(seals, start=1):
                assert (one.block.number, one.block.previous, one.block.first_xid) == (number, previous, end)
                leaves = await chain.leaves(connection, 0, one.span)
                assert (one.hash, one.marks) == (block_hash(one.block, leaves.hashes), leaves.marks)
                previous, end = one.hash, one.span.end_xid
        return seals


@pytest.fixture
async def books(database: Callable[[str], ServiceDatabase]) -> AsyncIterator[Chain]:
    made = database("ledger")
    owner = await asyncpg.connect(made.owner_url)
    ledger = await Database.open(made.runtime_url, name="test")
    yield Chain(made, owner, ledger)
    await ledger.close()
    await owner.close()


async def sealed(books: Chain, most: int = 5_000) -> int:
    """Seals until nothing is left; what other databases' transactions hold back is waited for."""
    count = 0
    wanted = await books.owner.fetchval(
        "select (select count(*) from postings) + (select count(*) from account_events) "
        "+ (select count(*) from books_changes) + (select count(*) from policy_changes) "
        "+ (select count(*) from credit_limit_changes) "
        "- coalesce((select sum(postings + events) from seals), 0)"
    )
    async with asyncio.timeout(60):
        while count < wanted:
            count += await seal(books.ledger, 0, most)
            await asyncio.sleep(0.01)
    return count


async def test_what_may_still_commit_holds_the_seal_back(books: Chain) -> None:
    late = await asyncpg.connect(books.databases.owner_url)
    transaction = late.transaction()
    await transaction.start()
    await late.execute(INSERT.format(1, 3))
    await books.owner.execute(INSERT.format(10, 11))
    await books.owner.execute(EVENT.format(1))
    assert await seal(books.ledger, 0) == 0, "the late one has the lower transaction id"
    await transaction.commit()
    await late.close()
    assert await sealed(books) == 6
    seals = await books.check()
    assert [sum(column) for column in zip(*[one.block[4:7] for one in seals], strict=True)] == [5, 5, 1]


async def test_any_number_of_sealers_make_one_chain(books: Chain) -> None:
    for number in range(40):
        await books.owner.execute(INSERT.format(100 * number, 100 * number + number % 4))
    total = await books.owner.fetchval("select count(*) from postings")
    async with asyncio.timeout(60):
        done = 0
        while done < total:
            done += sum(await asyncio.gather(*(seal(books.ledger, 0, 5) for _ in range(4))))
    seals = await books.check()
    assert sum(one.block.postings for one in seals) == done == total
    assert len(seals) > 5
    assert await seal(books.ledger, 0) == 0


async def test_a_block_ends_with_a_batch(books: Chain) -> None:
    await books.owner.execute(INSERT.format(1, 12))
    await books.owner.execute(INSERT.format(20, 23))
    assert await sealed(books, most=5) == 16
    assert [one.block.postings for one in await books.check()] == [12, 4]


INT2, INT4, INT8, TEXT, BYTEA, TIME, INT4S, INT8S = 21, 23, 20, 25, 17, 1184, 1007, 1016


def record(*fields: tuple[int, bytes | None]) -> bytes:
    """A row in PostgreSQL's binary form: the number of fields, then each one's type, length (-1: null) and bytes."""
    parts = [struct.pack(">i", len(fields))]
    for type_, value in fields:
        parts += [struct.pack(">Ii", type_, -1 if value is None else len(value)), value or b""]
    return b"".join(parts)


def int8(value: int) -> tuple[int, bytes]:
    return INT8, struct.pack(">q", value)


def time(value: datetime) -> tuple[int, bytes]:
    return TIME, struct.pack(">q", int((value - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000)


AT = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = """
insert into programs values (1, 'acme', 'Acme', 'UTC', 0, '2026-03-01Z');
insert into units values (1, 2, 'points', 'Points', 3);
insert into books_changes (shard, program, number, close_time, actor, person, reason, record_time)
values (0, 1, 1, '2026-03-01Z', 'till', 'eve', 'a year', '2026-03-01Z');
insert into policy_changes (
    shard, program, number, limit_units, adjustment_limits, restored_lot_grace, actor, record_time
) values (0, 1, 1, '{2}', '{500}', '1 day', 'till', '2026-03-01Z');
insert into credit_limit_changes (shard, account, number, credit_limit, available, actor, reason, record_time)
values (0, 1, 1, 90, 60, 'till', 'a plan', '2026-03-01Z');
insert into accounts (shard, id, program, unit, kind, name, create_time) values
    (0, 1, 1, 2, 2, 'issuance.points', '2026-03-01Z'), (0, 2, 1, 2, 1, 'ada', '2026-03-01Z');
insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor, memo, memo_salt)
values (0, 50, 1, 1, 1, '2026-03-01Z', '2026-03-01Z', 'till', 'thanks', '\\x0102');
insert into postings (shard, id, ordinal, source, destination, amount, destination_version, destination_posted, lots,
                      lot_deltas)
values (0, 50, 0, 1, 2, 30, 1, 30, '{50}', '{-4}');
insert into lots (shard, id, account, posting, amount, open, expire_time, available_time, record_time, closed)
values (0, 50, 2, 50, 30, 26, 'infinity', '2026-03-01Z', '2026-03-01Z', false);
"""


async def test_anybody_can_compute_a_leaf_from_what_is_documented(books: Chain) -> None:
    await books.owner.execute(ROWS)
    assert await sealed(books) == 4
    lot = record(int8(50), int8(30), (TIME, struct.pack(">q", 2**63 - 1)), time(AT), time(AT), (INT8, None))
    ada = record((INT4, struct.pack(">i", 1)), (INT4, struct.pack(">i", 2)), (TEXT, b"ada"), time(AT))
    one = struct.pack(">iiiiiiq", 1, 0, INT8, 1, 1, 8, 50)
    taken = struct.pack(">iiiiiiq", 1, 0, INT8, 1, 1, 8, -4)
    posting = record(
        int8(50),
        int8(1),
        int8(2),
        int8(30),
        (INT8, None),
        (INT8, None),
        int8(1),
        int8(30),
        (INT8S, one),
        (INT8S, taken),
        int8(0),
        int8(0),
        (INT8, None),
        (BYTEA, lot),
        (BYTEA, None),
        (BYTEA, ada),
    )
    transaction = record(
        int8(50),
        (INT4, struct.pack(">i", 1)),
        (INT2, struct.pack(">h", 1)),
        (INT2, struct.pack(">h", 1)),
        time(AT),
        time(AT),
        (TEXT, b"till"),
        (INT8, None),
        (BYTEA, sha256(b"\x01\x02thanks").digest()),
    )
    issuance = record(
        int8(1),
        (INT4, struct.pack(">i", 1)),
        (INT4, struct.pack(">i", 2)),
        (INT2, struct.pack(">h", 2)),
        (TEXT, b"issuance.points"),
        time(AT),
        (BYTEA, record((TEXT, b"acme"), (TEXT, b"UTC"), (INT4, struct.pack(">i", 0)), time(AT))),
        (BYTEA, record((TEXT, b"points"), (INT2, struct.pack(">h", 3)))),
    )
    first = INT4, struct.pack(">i", 1)
    closing = record(first, first, time(AT), (TEXT, b"till"), (TEXT, b"eve"), (TEXT, b"a year"), time(AT))
    points = INT4S, struct.pack(">iiiiiii", 1, 0, INT4, 1, 1, 4, 2)
    most = INT8S, struct.pack(">iiiiiiq", 1, 0, INT8, 1, 1, 8, 500)
    policies = record(first, first, points, most, int8(86_400), (TEXT, b"till"), time(AT))
    limit = record(int8(1), first, int8(90), int8(60), (TEXT, b"till"), (TEXT, b"a plan"), time(AT))
    [block] = await books.check()
    leaves = b"".join(sha256(one).digest() for one in (transaction + posting, closing, policies, limit, issuance))
    assert block.hash == block_hash(block.block, leaves)
    assert (block.block.transactions, block.block.events) == (1, 3)
