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
from ledger.domain.model import LONG_AGO

queries = load_queries("ledger")

BATCHES, EACH = 60, 1000
FEW_PAGES = 60
"""The table has some two thousand."""

_FILL = """
with made as (
    insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor)
    select $1, n, 1, 1, 1, now(), now(), 'a' from generate_series($2::bigint, $3::bigint) as n
)
insert into postings (shard, id, ordinal, source, destination, amount, destination_version, destination_posted,
                      lots, lot_deltas)
select $1, n, 0, 1, 100 + n % 500, 5, n, n, case when n % 500 = 50 then array[1050] end,
       case when n % 500 = 50 then array[-1] end
from generate_series($2::bigint, $3::bigint) as n
"""
"""Those of the account 150 also take from its first lot."""


_FILL_LISTS = """
insert into accounts (shard, id, program, unit, kind, name, create_time, state)
select 1, 50000 + n, 1, 1, case when n % 1000 = 1 then 2 else 1 end, 'n' || n, now(),
       case when n % 1000 = 2 then 2 else 1 end
from generate_series(1, 20000) as n;
insert into account_labels (shard, account, labels) select 1, n, '{"a": "b"}' from generate_series(100, 40000, 3) as n;
with told as (
    -- Three holds in a hundred are of the account 150, every second of them is resolved, and its last two are active.
    select 200000 + n as hold, case when n % 100 < 3 then 150 else 1000 + n % 500 end as account, n,
           case when n % 2 = 0 or n > 29800 then 1 else 2 end as state
    from generate_series(1, 30000) as n
), placed as (
    insert into holds (shard, id, account, amount, state, lots, lot_amounts, expire_time, actor, record_time,
                       resolve_time)
    select 1, hold, account, 1, case when account = 150 and n < 29800 then 2 else state end, '{1}', '{1}',
           now() + interval '1 day', 'a', now(),
           case when state = 1 and not (account = 150 and n < 29800) then null else now() end
    from told
)
insert into account_events (shard, account, version, kind, hold, actor, record_time)
select 1, account, row_number() over (partition by account order by n, kind), kind, hold, 'a', now()
from told, generate_series(1, 2) as kind;
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
               select 1, n, 1, 1, case when n = 1 then 2 else 1 end, 'm' || n, now(),
                      case when n > 1 and n % 2 = 0 then now() + interval '1 day' else 'infinity' end
               from (select 1 as n union all select generate_series(100, 40000)) as number"""
        )
        await opened.execute(_FILL_LISTS)
        await opened.execute("vacuum analyze")
    yield opened
    await opened.close()


class Explained:
    """Runs a statement to learn how many pages it reads, by default with the plan that serves any parameters:
    long-lived sessions may end up with that one.
    """

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], plans: str = "force_generic_plan") -> None:
        self._connection = connection
        self._plans = plans
        self.pages = 0

    async def fetchval(self, sql: str, *values: Any) -> None:
        await self.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> None:
        await self.fetch(sql, *values)

    async def execute(self, sql: str, *values: Any) -> str:
        await self.fetch(sql, *values)
        return "EXPLAIN"

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        await self._connection.execute(f"set plan_cache_mode = {self._plans}")
        await self._connection.execute(f"prepare explained as {sql}")
        literals = ", ".join(
            "null" if value is None else "'" + str(value).replace("[", "{").replace("]", "}") + "'" for value in values
        )
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
    await queries.journal_bounds(explained, shard=1, since=until, until=until)
    assert explained.pages < FEW_PAGES


async def test_a_shard_where_nothing_happens_does_not_read_what_happened_in_another(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained, old = Explained(connection), await connection.fetchval("select old from marks")
    await queries.journal_bounds(explained, shard=0, since=old, until=await now(connection))
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


@pytest.mark.parametrize(("after", "pages"), [(0, 1000), (60_000, FEW_PAGES)])
async def test_what_was_taken_of_a_lot_is_found_among_what_happened_on_its_account_since(
    connection: asyncpg.Connection[asyncpg.Record], after: int, pages: int
) -> None:
    lots = {"shard": 1, "account": 150, "lots": [1050], "after": after, "limit": 100}
    found = [row["version"] async for row in queries.lot_moves(connection, **lots)]
    assert found == list(range(60_550, after, -500))[:100]
    explained = Explained(connection)
    async for _ in queries.lot_moves(explained, **lots):
        pass
    assert explained.pages < pages


async def test_the_postings_that_made_lots_are_found_by_their_ids(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained = Explained(connection)
    async for _ in queries.lot_origins(explained, shard=1, ids=list(range(1000, 1050))):
        pass
    assert explained.pages < 10 * PAGE["limit"]


async def test_what_was_reversed_of_a_transaction_is_found_by_its_index(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained = Explained(connection)
    async for _ in queries.reversals(explained, shard=1, ids=[1000, 2000]):
        pass
    assert explained.pages < FEW_PAGES


PAGE = {"limit": 51}
LOOK: dict[str, Any] = {"look": 10_000, "since": LONG_AGO}


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("accounts_of", {"kind": 0, "state": 0}),
        ("accounts_of", {"kind": 1, "state": 0}),
        ("accounts_of", {"kind": 0, "state": 1}),
        ("system_accounts_of", {"kind": 2}),
        ("accounts_not_open_of", {"state": 2}),
    ],
)
async def test_a_page_of_accounts_reads_its_own_rows(
    connection: asyncpg.Connection[asyncpg.Record], name: str, filters: dict[str, int]
) -> None:
    explained = Explained(connection)
    async for _ in getattr(queries, name)(explained, shard=1, program=1, after="m3", **filters, **PAGE):
        pass
    assert explained.pages < 6 * PAGE["limit"]


@pytest.mark.parametrize("name", ["active_holds_of", "holds_of"])
async def test_a_page_of_holds_reads_those_of_the_account(
    connection: asyncpg.Connection[asyncpg.Record], name: str
) -> None:
    explained, moment = Explained(connection), await connection.fetchval("select now()")
    filters = {"state": 0} if name == "holds_of" else {}
    query = getattr(queries, name)
    async for _ in query(explained, shard=1, account=150, before=2**62, now=moment, **filters, **PAGE):
        pass
    assert explained.pages < 6 * PAGE["limit"]


async def test_a_page_of_transactions_ends_where_it_is_full(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    explained = Explained(connection)
    async for _ in queries.transactions_of(
        explained, shard=1, program=1, before=2**62, since=LONG_AGO, look=10_000, **PAGE
    ):
        pass
    assert explained.pages < FEW_PAGES


async def test_a_page_that_finds_no_transaction_of_its_program_reads_as_many_as_it_may(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained = Explained(connection)
    async for _ in queries.transactions_of(
        explained, shard=1, program=9, before=2**62, since=LONG_AGO, look=10_000, **PAGE
    ):
        pass
    looked = explained.pages
    await queries.looked_until(explained, shard=1, before=2**62, ended=LONG_AGO, look=10_000)
    assert looked + explained.pages < 400


async def test_the_postings_of_a_page_are_found_by_their_ids(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    explained = Explained(connection)
    async for _ in queries.postings_by_id(explained, shard=1, ids=list(range(1000, 1050))):
        pass
    assert explained.pages < 10 * PAGE["limit"]


@pytest.mark.parametrize("name", ["export_postings", "journal_findings", "made_findings"])
async def test_a_step_through_the_journal_reads_its_own_rows_and_accounts(
    connection: asyncpg.Connection[asyncpg.Record], name: str
) -> None:
    await connection.execute("set enable_nestloop = off")  # as a long read has it
    explained = Explained(connection, plans="force_custom_plan")
    program = {"program": 1} if name == "export_postings" else {}
    async for _ in getattr(queries, name)(explained, shard=1, after=2_000, last=4_000, postings_max=100, **program):
        pass
    assert 20 < explained.pages < 2 * FEW_PAGES  # of 2,000 postings; the accounts alone have some 700


@pytest.mark.parametrize("statement", ["version_at", "posted_at"])
async def test_a_members_balance_at_a_record_time_reads_a_few_of_its_entries(
    connection: asyncpg.Connection[asyncpg.Record], statement: str
) -> None:
    # An account with as many entries as all others together: their number is what halving is spared.
    if not await connection.fetchval("select exists (select from accounts where shard = 2)"):
        await connection.execute(
            """insert into accounts (shard, id, program, unit, kind, name, create_time, version)
               values (2, 7, 1, 1, 1, 'busy', now(), 50000)"""
        )
        await connection.execute(
            """insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor)
               select 2, n, 1, 1, 1, time, time, 'a'
               from (select n, now() - (50000 - n) * interval '1 second' as time
                     from generate_series(1, 50000) as n) as entry"""
        )
        await connection.execute(
            """insert into postings (shard, id, ordinal, source, destination, amount, destination_version,
                                     destination_posted)
               select 2, n, 0, 1, 7, 5, n, n from generate_series(1, 50000) as n"""
        )
        await connection.execute("vacuum analyze transactions, postings, accounts")
    explained = Explained(connection)
    if statement == "version_at":
        time = await connection.fetchval("select record_time from transactions where shard = 2 and id = 33333")
        assert await queries.version_at(connection, shard=2, account=7, record_time=time) == 33333
        await queries.version_at(explained, shard=2, account=7, record_time=time)
        assert explained.pages < 500  # of 16 steps
    else:
        assert await queries.posted_at(connection, shard=2, account=7, version=33333) == 33333
        await queries.posted_at(explained, shard=2, account=7, version=33333)
        assert explained.pages < FEW_PAGES


async def test_what_was_recorded_since_is_found_by_the_order_of_the_rows(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    await connection.execute("vacuum analyze transactions")
    last = await connection.fetchval("select record_time from transactions where shard = 1 order by id desc limit 1")
    explained = Explained(connection, plans="force_custom_plan")
    assert await queries.first_since(connection, shard=1, since=last) == BATCHES * EACH
    await queries.first_since(explained, shard=1, since=last)
    pages = await connection.fetchval("select relpages from pg_class where relname = 'transactions'")
    assert explained.pages < pages / 4
    since = {"effective_end_time": last, "record_time": last, "accounts": [1]}
    async for _ in queries.system_sums_since(explained, shard=1, first=BATCHES * EACH, **since):
        pass
    assert explained.pages < pages / 4
