"""A statement reads no more than what it asks for: of small tables, once they have grown, and once they are analysed.

A session keeps the plan of a statement until the tables are analysed, which may be a minute after they were made; what
suits a thousand rows, reading all of them, is no way to read twenty thousand. Autovacuum, which would analyse them at a
moment of its own, is kept away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from guerdon_kit.postgres import load_queries
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory
from ledger.config import Settings
from ledger.store import plans

queries = load_queries("ledger")

GROWN = 20_000
ASKED = 1_000
EXECUTIONS = 8
"""PostgreSQL settles on a plan after five."""

_FILL = """
with numbers as (select generate_series($1::bigint, $2::bigint) as n), accounts as (
    insert into accounts (shard, id, program, unit, kind, name, create_time)
    select 1, n, 1, 1, 1, 'm' || n, now() from numbers
), requests as (
    insert into ledger_requests (shard, key, digest, fields, outcome, record_time)
    select 1, int8send(n), '', '', '', now() from numbers
), transactions as (
    insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor, reverses)
    select 1, n, 1, 8, 1, now(), now(), 'a', n from numbers
), postings as (
    insert into postings (shard, id, ordinal, source, destination, amount) select 1, n, 0, n, 0, 5 from numbers
), lots as (
    insert into lots (shard, id, account, posting, amount, open, available_time, record_time, closed)
    select 1, n, n, n, 5, 5, now(), now(), false from numbers
)
insert into holds (shard, id, account, amount, state, lots, lot_amounts, expire_time, actor, record_time)
select 1, n, n, 1, 1, '{1}', '{1}', now() + interval '1 day', 'a', now() from numbers
"""
_UNTENDED = """
do $$
declare made regclass;
begin
    for made in select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
        execute format('alter table %s set (autovacuum_enabled = off)', made);
    end loop;
end $$
"""
_READ = "select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int from pg_stat_xact_user_tables"


@pytest.fixture
def database(databases: DatabaseFactory) -> Iterator[ServiceDatabase]:
    made = databases.make("ledger")
    yield made
    databases.drop(made)


def _ids(name: str, count: int) -> dict[str, Any]:
    return {name: list(range(1, count + 1))}


NOW = datetime(2026, 1, 1, tzinfo=UTC)
_WRITE: dict[str, Any] = dict.fromkeys(
    ("transactions", "postings", "events", "lots", "changed_lots", "holds", "changed_holds", "accounts", "requests"), ()
) | {"batch": 0, "record_time": NOW, "programs": None, "close_times": None, "latest": None}
ASKS: dict[str, Callable[[int], dict[str, Any]]] = {
    "lock_accounts": lambda count: _ids("ids", count),
    "account_states": lambda count: _ids("ids", count),
    "accounts_by_id": lambda count: _ids("ids", count),
    "accounts_by_name": lambda count: {"program": 1, "names": [f"m{n}" for n in range(1, count + 1)]},
    "open_lots": lambda count: _ids("accounts", count),
    "lots_by_id": lambda count: _ids("ids", count),
    "active_holds": lambda count: _ids("accounts", count),
    "holds_by_id": lambda count: _ids("ids", count),
    "reversals": lambda count: _ids("ids", count),
    "postings_by_id": lambda count: _ids("ids", count),
    "read_batch": lambda count: {**_ids("ids", count), "programs": [1], "keys": []},
    "write_batch": lambda count: {
        **_WRITE,
        "accounts": [(n, 0, 0, True, 0, *[1] * 7, NOW, NOW) for n in range(1, count + 1)],
        "changed_lots": [(n, 5, 0, 0) for n in range(1, count + 1)],
    },
    "read_requests": lambda count: {"keys": [n.to_bytes(8, "big") for n in range(1, count + 1)]},
}


async def ask(connection: asyncpg.Connection[asyncpg.Record], name: str, there: int) -> None:
    """Asks for what is there, as far as one asks at once, and for some that is not."""
    if name == "write_batch":  # which refuses what is not there
        await queries.write_batch(connection, shard=1, **ASKS[name](min(there, ASKED)))
        return
    found = [row async for row in getattr(queries, name)(connection, shard=1, **ASKS[name](ASKED))]
    assert len(found) == min(there, ASKED)


async def rows_read(connection: asyncpg.Connection[asyncpg.Record], name: str, there: int) -> int:
    """How many rows of tables PostgreSQL has looked at to answer."""
    async with connection.transaction():
        before = await connection.fetchval(_READ)
        await ask(connection, name, there)
        return int(await connection.fetchval(_READ) - before)


@pytest.mark.parametrize("young", [300, 1_000])
async def test_a_statement_reads_what_it_asks_for_however_much_the_tables_have_grown(
    database: ServiceDatabase, young: int
) -> None:
    connection = await asyncpg.connect(database.owner_url)
    read = {}

    async def read_all(when: str, there: int) -> None:
        for name in ASKS:
            for _ in range(EXECUTIONS):
                await ask(connection, name, there)
            read[name, when] = await rows_read(connection, name, there)

    try:
        await connection.execute(_UNTENDED)
        await connection.execute(f"set plan_cache_mode = {Settings.postgres_plans}")
        await connection.execute(_FILL, 1, young)
        await read_all("young", young)
        await connection.execute(_FILL, young + 1, GROWN)
        await read_all("grown", GROWN)
        await connection.execute("analyze")
        await read_all("analysed", GROWN)
    finally:
        await connection.close()
    most = {"write_batch": 4}  # accounts to lock and to change, and lots
    assert {which: count for which, count in read.items() if count > most.get(which[0], 2) * ASKED} == {}


class Planned:
    """Asks how a statement would be executed, as a long read has it."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self.steps: list[dict[str, Any]] = []

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        async with self._connection.transaction():
            await plans.join(self._connection)
            await self._connection.execute("set local work_mem = '64MB'; set local random_page_cost = 4")
            said = await self._connection.fetchval(f"explain (format json) {sql}", *values)
        self._take(json.loads(said)[0]["Plan"])
        return []

    def _take(self, step: dict[str, Any]) -> None:
        self.steps.append(step)
        for one in step.get("Plans", ()):
            self._take(one)


_STEP = {"after": 0, "last": GROWN}
AUDITS: dict[str, dict[str, Any]] = {
    "journal_findings": {**_STEP, "postings_max": 100},
    "made_findings": {**_STEP, "postings_max": 100},
    "account_findings": {**_STEP, "now": NOW},
    "lot_time_findings": _STEP,
    "adjustment_findings": _STEP,
}


@pytest.mark.parametrize("analysed", [False, True])
async def test_no_audit_compares_each_row_of_a_table_with_a_list_of_ids(
    database: ServiceDatabase, *, analysed: bool
) -> None:
    connection = await asyncpg.connect(database.owner_url)
    planned = Planned(connection)
    try:
        await connection.execute(_UNTENDED)
        await connection.execute(_FILL, 1, GROWN)
        if analysed:
            await connection.execute("analyze")
        for name, values in AUDITS.items():
            async for _ in getattr(queries, name)(planned, shard=1, **values):
                pass
    finally:
        await connection.close()
    listed = "= ANY ((InitPlan"
    assert [step for step in planned.steps if listed in step.get("Filter", "")] == []
    assert any(listed in step.get("Index Cond", "") for step in planned.steps)
