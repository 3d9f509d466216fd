"""What runs every few moments costs what is new, not what the ledger holds: measured in pages that it reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from guerdon_kit.postgres import load_queries
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory

queries = load_queries("ledger")

BATCHES, EACH = 60, 1000
FEW_PAGES = 60
"""The table has some two thousand."""

_FILL = """
with made as (
    insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor)
    select $1, n, 1, 1, 1, now(), now(), 'a' from generate_series($2::bigint, $3::bigint) as n
)
insert into postings (shard, id, ordinal, source, destination, amount, destination_version, destination_posted)
select $1, n, 0, 1, 100 + n % 500, 5, n, n from generate_series($2::bigint, $3::bigint) as n
"""


@pytest.fixture(scope="module")
def database(databases: DatabaseFactory) -> Iterator[ServiceDatabase]:
    made = databases.make("ledger")
    yield made
    databases.drop(made)


@pytest.fixture
async def connection(database: ServiceDatabase) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a ledger with 60,000 new postings in shard 1 and 30,000 old ones in shard 0."""
    opened = await asyncpg.connect(database.owner_url)
    if not await opened.fetchval("select exists (select from postings)"):
        await opened.execute(_FILL, 0, 100_000, 129_999)
        await opened.execute("create table marks as select pg_current_snapshot()::text as old")
        for batch in range(BATCHES):
            await opened.execute(_FILL, 1, 1000 + batch * EACH, 999 + (batch + 1) * EACH)
        await opened.execute(
            """insert into accounts (shard, id, program, unit, kind, name, create_time, valid_until)
               select 1, n, 1, 1, 1, 'm' || n, now(),
                      case when n % 2 = 0 then now() + interval '1 day' else 'infinity' end
               from generate_series(100, 40000) as n"""
        )
        await opened.execute("vacuum analyze")
    yield opened
    await opened.close()


class Explained:
    """Runs a statement to learn how many pages it reads, with the plan that serves any parameters: long-lived sessions
    may end up with that one.
    """

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self.pages = 0

    async def fetchval(self, sql: str, *values: Any) -> None:
        await self.fetch(sql, *values)

    async def execute(self, sql: str, *values: Any) -> str:
        await self.fetch(sql, *values)
        return "EXPLAIN"

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        await self._connection.execute("set plan_cache_mode = force_generic_plan")
        await self._connection.execute(f"prepare explained as {sql}")
        literals = ", ".join("'" + str(value).replace("[", "{").replace("]", "}") + "'" for value in values)
        said = await self._connection.fetchval(
            f"explain (analyze, buffers, format json) execute explained ({literals})"
        )
        await self._connection.execute("deallocate explained")
        top = json.loads(said)[0]["Plan"]
        self.pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        return []


async def now(connection: asyncpg.Connection[asyncpg.Record]) -> str:
    return str(await connection.fetchval("select pg_current_snapshot()::text"))


async def test_looking_whether_there_is_something_to_relay_reads_what_is_new(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained, until = Explained(connection), await now(connection)
    await queries.journal_start(explained, shard=1, since=until, until=until)
    assert explained.pages < FEW_PAGES


async def test_a_shard_where_nothing_happens_does_not_read_what_happened_in_another(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained, old = Explained(connection), await connection.fetchval("select old from marks")
    await queries.journal_start(explained, shard=0, since=old, until=await now(connection))
    assert explained.pages < FEW_PAGES


async def test_a_system_accounts_balance_reads_what_came_after_its_checkpoint(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained, until = Explained(connection), await now(connection)
    await connection.execute(
        """insert into checkpoint_positions values (1, $1::text::pg_snapshot)
           on conflict (shard) do update set since = excluded.since""",
        until,
    )
    await queries.system_balance(explained, shard=1, account=1)
    assert explained.pages < FEW_PAGES


async def test_moving_checkpoints_on_reads_what_is_new(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    explained, until = Explained(connection), await now(connection)
    await queries.move_checkpoints(explained, shard=1, since=until, until=until)
    assert explained.pages < FEW_PAGES


async def test_looking_for_accounts_that_are_due_reads_only_those(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained, moment = Explained(connection), await connection.fetchval("select now()")
    async for _ in queries.due_accounts(explained, shard=1, now=moment, limit=500):
        pass
    assert explained.pages < FEW_PAGES


async def test_a_page_of_a_statement_reads_its_own_entries(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    explained = Explained(connection)
    async for _ in queries.statement(explained, shard=1, account=150, before=2**62, limit=50):
        pass
    assert explained.pages < 1000


async def test_what_was_reversed_of_a_transaction_is_found_by_its_index(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained = Explained(connection)
    async for _ in queries.reversals(explained, shard=1, ids=[1000, 2000]):
        pass
    assert explained.pages < FEW_PAGES
