"""The unit of work: what is run again, what is not, and what a lost server looks like."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import asyncpg
import pytest

from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Connection, Database, Limits, Rerun, UnsafeServer
from guerdon_kit.postgres.database import refuse_unsafe
from guerdon_kit.postgres.provision import ServiceDatabase, connected
from guerdon_kit.testing import DatabaseFactory, wait_until
from guerdon_kit.testing.fixtures import OwnServers

INSERT = "insert into consumed_events (consumer, event_id) values ('test', gen_random_uuid())"


async def count(db: Database) -> int:
    async with db.acquire() as connection:
        return int(await connection.fetchval("select count(*) from consumed_events"))


async def test_work_that_asks_for_it_is_rolled_back_and_run_again(db: Database) -> None:
    runs = 0

    async def work(connection: Connection) -> int:
        nonlocal runs
        runs += 1
        await connection.execute(INSERT)
        if runs < 3:
            raise Rerun
        return runs

    assert await db.run(work) == 3
    assert await count(db) == 1


async def test_reruns_are_bounded(db: Database) -> None:
    runs = 0

    async def work(_: Connection) -> None:
        nonlocal runs
        runs += 1
        raise Rerun

    with pytest.raises(Unavailable):
        await db.run(work)
    assert runs == 6
    assert await count(db) == 0


async def test_a_deadlock_ends_with_both_done(db: Database) -> None:
    async with db.acquire() as connection:
        await connection.execute("insert into consumer_positions (consumer, stream) values ('a', ''), ('b', '')")
    met = asyncio.Barrier(2)
    first_run = {"ab": True, "ba": True}

    async def work(connection: Connection, order: str) -> None:
        for at, consumer in enumerate(order):
            await connection.execute(
                "update consumer_positions set entry_id = entry_id || $2 where consumer = $1", consumer, order[0]
            )
            if at == 0 and first_run[order]:
                first_run[order] = False
                await met.wait()

    await asyncio.gather(*(db.run(lambda c, o=order: work(c, o)) for order in ("ab", "ba")))  # type: ignore[misc]  # a default binds the loop's value
    async with db.acquire() as connection:
        rows = await connection.fetch("select entry_id from consumer_positions")
    assert all(sorted(row["entry_id"]) == sorted("0-0ab") for row in rows)


async def test_a_mistake_is_raised_once_and_undone(db: Database) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute(INSERT)
        await connection.execute("select 1/0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await db.run(work)
    assert await count(db) == 0


async def test_a_connection_lost_before_the_commit_is_run_again(db: Database, kit_database: ServiceDatabase) -> None:
    runs = 0

    async def work(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(INSERT)
        if runs == 1:
            await _cut_off(connection, kit_database)
        await connection.execute("select 1")

    await db.run(work)
    assert runs == 2
    assert await count(db) == 1


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_connection_lost_at_the_commit_is_run_again_only_where_that_is_harmless(
    db: Database, kit_database: ServiceDatabase, repeatable: bool
) -> None:
    runs = 0

    async def work(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(INSERT)
        if runs == 1:
            await _cut_off(connection, kit_database)

    if repeatable:
        await db.run(work, repeatable=True)
        assert (runs, await count(db)) == (2, 1)
    else:
        with pytest.raises(Unavailable):
            await db.run(work)
        assert (runs, await count(db)) == (1, 0)


async def _cut_off(connection: Connection, database: ServiceDatabase) -> None:
    pid = connection.get_server_pid()
    async with connected(database.runtime_url) as other:
        # Waits until it has ended.
        assert await other.fetchval("select pg_terminate_backend($1, 5000)", pid)


async def test_cancelled_work_leaves_no_trace_and_a_clean_connection(kit_database: ServiceDatabase) -> None:
    db = await Database.open(kit_database.runtime_url, name="test", size=1)
    try:
        for statement in ("select pg_sleep(30)", INSERT):
            started = asyncio.Event()

            async def work(
                connection: Connection, statement: str = statement, started: asyncio.Event = started
            ) -> None:
                await connection.execute(INSERT)
                started.set()
                await connection.execute(statement)
                await asyncio.Event().wait()

            task = asyncio.create_task(db.run(work))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # The pool has one connection: this is the same one.
            assert await count(db) == 0
    finally:
        await db.close()


async def test_waiting_for_a_connection_is_bounded(kit_database: ServiceDatabase) -> None:
    # Connecting is bounded by it too, and takes a while on a busy machine.
    db = await Database.open(kit_database.runtime_url, name="test", size=1, limits=Limits(acquire=timedelta(seconds=1)))
    try:
        async with db.acquire():
            with pytest.raises(Unavailable):
                await count(db)
        assert await count(db) == 0
    finally:
        await db.close()


async def test_waiting_for_a_lock_is_bounded(db: Database, kit_database: ServiceDatabase) -> None:

    hasty = await Database.open(
        kit_database.runtime_url, name="hasty", size=1, limits=Limits(lock=timedelta(milliseconds=50))
    )
    lock = "insert into consumer_positions (consumer, stream) values ('a', '')"
    try:
        async with db.transaction() as connection:
            await connection.execute(lock)
            with pytest.raises(Unavailable):
                async with hasty.transaction() as waiting:
                    await waiting.execute(lock)
    finally:
        await hasty.close()


async def test_an_address_where_nobody_answers_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Database.open("postgresql://nobody:x@127.0.0.1:1/none", name="test")


async def test_jsonb_is_python_objects_and_times_are_utc(db: Database) -> None:
    value = {"points": 2**60, "name": "Ünï", "list": [1, None]}
    async with db.acquire() as connection:
        assert await connection.fetchval("select $1::jsonb", value) == value
        assert await connection.fetchval("show timezone") == "UTC"


async def test_releasing_a_connection_costs_no_round_trip(db: Database, kit_database: ServiceDatabase) -> None:
    async with db.acquire() as connection:
        pid = connection.get_server_pid()
        await connection.fetchval("select 'the last statement'")
    async with connected(kit_database.runtime_url) as other:
        query = await other.fetchval("select query from pg_stat_activity where pid = $1", pid)
    assert query == "select 'the last statement'"


async def test_what_a_built_in_type_is_is_asked_once_and_not_by_each_connection(db: Database) -> None:
    query, days = "select $1::date[]", [date(2026, 2, 28)]
    asked: list[str] = []
    async with db.acquire() as first, db.acquire() as second:
        assert await first.fetchval(query, days) == days
        with second.query_logger(lambda logged: asked.append(logged.query)):
            assert await second.fetchval(query, days) == days
    assert asked == [query]


async def test_a_built_in_type_that_is_made_of_others_is_known_to_each_connection(db: Database) -> None:
    query, spans = "select array[int4range(1, 3)], int8multirange(int8range(1, 5))", [asyncpg.Range(1, 3)]
    async with db.acquire() as first, db.acquire() as second:
        for connection in (first, second):
            assert tuple(await connection.fetchrow(query) or ()) == (spans, [asyncpg.Range(1, 5)])


async def test_a_type_of_ones_own_is_asked_for(db: Database, kit_database: ServiceDatabase) -> None:
    async with connected(kit_database.owner_url) as owner:
        await owner.execute("create type mood as enum ('fine', 'better')")
    async with db.acquire() as first, db.acquire() as second:
        for connection in (first, second):
            assert await connection.fetchval("select array['better']::mood[]") == ["better"]


async def test_what_is_remembered_is_forgotten_where_the_database_was_replaced(
    kit_database: ServiceDatabase, databases: DatabaseFactory
) -> None:
    """As by who restores a dump of it beside a server that goes on running."""
    name, dump = kit_database.name, f"{kit_database.name}_dump"
    async with connected(databases.admin_url) as admin:
        await admin.execute(f'create database "{dump}" template "{name}"')
        db = await Database.open(kit_database.runtime_url, name="test")
        forgotten = 0

        def forget() -> None:
            nonlocal forgotten
            forgotten += 1

        db.on_new_server(forget)
        async with db.acquire(), db.acquire():
            assert forgotten == 0
        await admin.execute(f'drop database "{name}" with (force)')
        await admin.execute(f'alter database "{dump}" rename to "{name}"')
        await db.run(lambda connection: connection.execute(INSERT))
        assert (forgotten, await count(db)) == (1, 1)
        await db.close()


async def test_a_server_that_would_lose_points_is_refused(kit_database: ServiceDatabase) -> None:
    async with connected(kit_database.owner_url) as owner:
        await owner.execute(f'alter database "{kit_database.name}" set synchronous_commit = off')
    with pytest.raises(UnsafeServer, match="synchronous_commit is off"):
        await Database.open(kit_database.runtime_url, name="test")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_each_setting_of_durability_counts(setting: str) -> None:
    safe = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "remote_apply"}
    refuse_unsafe(safe)
    with pytest.raises(UnsafeServer, match=setting):
        refuse_unsafe(safe | {setting: "off"})


@pytest.mark.crash
async def test_a_killed_postgresql_is_unavailable_and_then_recovered_from(own_servers: OwnServers) -> None:
    servers: EmbeddedServers = own_servers()
    db = await Database.open(servers.start().postgres_url, name="test", size=4)
    try:
        async with db.acquire() as connection:
            await connection.execute("create table done (id int primary key)")
        acknowledged: set[int] = set()
        refused = 0
        restarted = asyncio.Event()

        async def load(worker: int) -> None:
            nonlocal refused
            at = worker
            while not restarted.is_set() or refused == 0 or at < 400:
                try:
                    await db.run(lambda c, at=at: c.execute("insert into done values ($1)", at))  # type: ignore[misc]  # a default binds the value
                    acknowledged.add(at)
                except Unavailable:
                    refused += 1
                    await asyncio.sleep(0.01)
                at += 4

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for worker in range(4):
                group.create_task(load(worker))
            await wait_until(lambda: len(acknowledged) > 50)
            await asyncio.to_thread(servers.postgres.kill)
            await wait_until(lambda: refused > 0)
            await asyncio.to_thread(servers.postgres.restart)
            before = len(acknowledged)
            await wait_until(lambda: len(acknowledged) > before + 50)
            restarted.set()
        async with db.acquire() as connection:
            there = {row["id"] for row in await connection.fetch("select id from done")}
        assert acknowledged <= there
    finally:
        await db.close()
