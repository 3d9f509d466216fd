"""The journal tells of every transaction once and in order, however it is cut into pages."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from guerdon_kit.postgres import Database
from guerdon_kit.testing import DatabaseFactory
from ledger.store.directory import Directory
from ledger.store.journal import WINDOW, Journal

_BEGINNING = "1:1:"
_ACCOUNTS = """
insert into programs values (1, 'shop', 'Shop', 'UTC', 0, now());
insert into units values (1, 2, 'points', 'Points', 0);
insert into accounts (shard, id, program, unit, kind, name, create_time)
values (0, 11, 1, 2, 1, 'ada', now()), (0, 12, 1, 2, 2, 'issuance.points', now());
"""
_TRANSACTION = """
with made as (
    insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor)
    values (0, $1::bigint, 1, 1, $2::int, now(), now(), 'a')
)
insert into postings (shard, id, ordinal, source, destination, amount, destination_version, destination_posted)
select 0, $1::bigint + n, n, 12, 11, 1, $3::bigint + n, 1 from generate_series(0, $2::int - 1) as n
"""


@pytest.fixture
async def database(databases: DatabaseFactory) -> AsyncIterator[Database]:
    made = databases.make("ledger")
    opened = await Database.open(made.owner_url, name="journal", size=1)
    yield opened
    await opened.close()
    databases.drop(made)


async def filled(database: Database, chance: random.Random) -> list[tuple[int, int]]:
    """Transactions of 1 to 100 postings in batches whose ids begin at whole windows: ids, and their last versions."""
    made, id_, version = [], 1, 0
    async with database.transaction() as connection:
        await connection.execute(_ACCOUNTS)
    for _batch in range(12):
        async with database.transaction() as connection:
            for _ in range(chance.choice([1, 3, 40])):
                postings = chance.choice([1, 1, 1, 2, 63, 64, 65, 100])
                await connection.execute(_TRANSACTION, id_, postings, version + 1)
                version += postings
                made.append((id_, version))
                id_ += postings
        id_ = -(-id_ // WINDOW) * WINDOW + 1
    return made


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_pages_of_any_size_tell_each_transaction_once(database: Database, size: int) -> None:
    made = await filled(database, random.Random(size))
    journal = Journal(0, Directory(database))
    told, ids = [], set()
    async with database.transaction() as connection:
        until = await connection.fetchval("select pg_current_snapshot()::text")
        after = (await journal.start(connection, _BEGINNING, until) or 0) - 1
        while True:
            page = await journal.page(connection, _BEGINNING, until, after, size + 1)
            for row in page[:size]:
                ids.add(row.event.id)
                told += row.event.data["transactions"]
                after = row.id
            if len(page) <= size:  # what the relay takes for the end of a round
                break
    names = [f"programs/shop/transactions/{id_}" for id_, _ in made]
    assert [one["transaction"] for one in told] == names
    assert [one["versions"] for one in told] == [{"programs/shop/accounts/ada": version} for _, version in made]
    assert len(ids) == len({(id_ - 1) // WINDOW for id_, _ in made})
