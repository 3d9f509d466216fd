"""The relay: nothing skipped, order kept for each key, and a stream that lost its data is filled again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from guerdon_kit.errors import Unavailable
from guerdon_kit.events import Outbox, Relay, publish
from guerdon_kit.events.relay import PositionAhead
from guerdon_kit.postgres import Connection, Database, migrate
from guerdon_kit.postgres.provision import ServiceDatabase, connected
from guerdon_kit.testing import wait_until
from guerdon_kit.testing.fixtures import OwnServers
from tests.integration.kit.changes import NOON, STREAM, change, drain, entry_ids, event, numbers, sent


@pytest.fixture
async def relay(db: Database, events_redis: Redis) -> Relay:
    relay = Relay(db, events_redis, Outbox("membership"), page=3)
    await relay.prepare()
    return relay


@asynccontextmanager
async def opened(db: Database) -> AsyncIterator[tuple[Connection, asyncpg.transaction.Transaction]]:
    async with db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection, transaction


async def test_an_event_arrives_as_it_was_published(db: Database, events_redis: Redis, relay: Relay) -> None:
    async with db.transaction() as connection:
        await publish(connection, event("a", 1), event("b", 2))
    await drain(relay)
    first, second = await sent(events_redis)
    assert (first.key, first.data, first.time) == ("a", {"number": 1}, NOON)
    assert (first.type, first.source) == ("guerdon.membership.v1.changed", "//guerdon.dev/membership")
    assert second.key == "b"


async def test_what_was_rolled_back_is_never_sent(db: Database, events_redis: Redis, relay: Relay) -> None:
    async with opened(db) as (connection, transaction):
        await publish(connection, event("a", 1))
        await transaction.rollback()
    await drain(relay)
    assert await sent(events_redis) == []


async def test_a_late_commit_is_not_skipped(db: Database, events_redis: Redis, relay: Relay) -> None:
    async with opened(db) as (late, transaction):
        await change(late, "late")
        async with db.transaction() as connection:
            await change(connection, "early")
        await drain(relay)
        assert numbers(await sent(events_redis)) == {"early": [1]}
        await transaction.commit()
    await drain(relay)
    assert numbers(await sent(events_redis)) == {"early": [1], "late": [1]}


async def test_an_older_transaction_with_the_later_change_comes_later(
    db: Database, events_redis: Redis, relay: Relay
) -> None:
    """What a horizon of transaction ids gets wrong: the older id has the later change of the key."""
    async with opened(db) as (older, first), opened(db) as (newer, second):
        await older.fetchval("select pg_current_xact_id()")
        await newer.fetchval("select pg_current_xact_id()")
        await change(newer, "k")
        await second.commit()
        await change(older, "k")
        await first.commit()
    await drain(relay)
    assert numbers(await sent(events_redis)) == {"k": [1, 2]}


async def test_a_round_longer_than_a_page_is_sent_in_order(db: Database, events_redis: Redis, relay: Relay) -> None:
    for _ in range(5):
        async with db.transaction() as connection:
            for key in ("a", "b"):
                await change(connection, key)
    assert await relay.turn() == 3
    async with db.transaction() as connection:
        await change(connection, "a")
    await drain(relay)
    assert numbers(await sent(events_redis)) == {"a": [1, 2, 3, 4, 5, 6], "b": [1, 2, 3, 4, 5]}
    assert len(await sent(events_redis)) == 11


async def test_of_two_relays_one_sends_at_a_time(db: Database, events_redis: Redis) -> None:
    relays = [Relay(db, events_redis, Outbox("membership"), page=5, poll=timedelta(milliseconds=1)) for _ in range(3)]
    jobs = [asyncio.create_task(relay.run()) for relay in relays]

    async def write(key: str) -> None:
        for _ in range(40):
            async with db.transaction() as connection:
                await change(connection, key)

    try:
        await asyncio.gather(*(write(key) for key in "abc"))

        async def all_there() -> bool:
            return len(await sent(events_redis)) >= 120

        await wait_until(all_there)
        events = await sent(events_redis)
        assert len(events) == 120  # no fault, no duplicate
        assert numbers(events) == {key: list(range(1, 41)) for key in "abc"}
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def test_an_idle_relay_wakes_for_what_its_process_writes(db: Database, events_redis: Redis) -> None:
    relay = Relay(db, events_redis, Outbox("membership"), idle=timedelta(hours=1))
    job = asyncio.create_task(relay.run())

    try:
        await asyncio.sleep(0)  # it begins
        for number in (1, 2):
            async with db.transaction() as connection:
                await change(connection, "a")

            async def has_come(number: int = number) -> bool:
                return len(await sent(events_redis)) == number

            await wait_until(has_come)
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def test_an_idle_relay_writes_nothing(db: Database, relay: Relay) -> None:
    async with db.transaction() as connection:
        await change(connection, "a")
    await drain(relay)

    async def written() -> str:
        """Who wrote or locked the position last: transaction ids alone are drawn by other databases too."""
        async with db.acquire() as connection:
            return str(
                await connection.fetchval("select string_agg((xmin, xmax, ctid)::text, ' ') from relay_positions")
            )

    before = await written()
    for _ in range(20):
        assert await relay.turn(look=False) == 0
    assert await written() == before


async def test_a_flushed_stream_is_filled_again_from_the_outbox(
    db: Database, events_redis: Redis, relay: Relay
) -> None:
    async with db.transaction() as connection:
        for key in "aab":
            await change(connection, key)
    await drain(relay)
    last_id = (await entry_ids(events_redis))[-1]
    await events_redis.flushdb()
    async with db.transaction() as connection:
        await change(connection, "a")
    await relay.turn()
    await drain(relay)
    assert numbers(await sent(events_redis)) == {"a": [1, 2, 3], "b": [1]}
    assert (await entry_ids(events_redis))[0] > last_id  # consumers remember where they are


async def test_an_idle_relay_notices_the_flush_too(db: Database, events_redis: Redis, relay: Relay) -> None:
    async with db.transaction() as connection:
        await change(connection, "a")
    await drain(relay)
    await events_redis.flushdb()
    assert await relay.turn(look=True) == 0
    await drain(relay)
    assert numbers(await sent(events_redis)) == {"a": [1]}


async def test_a_redis_that_came_back_with_older_data_is_filled_again(
    db: Database, events_redis: Redis, relay: Relay
) -> None:
    async with db.transaction() as connection:
        await change(connection, "a")
    await drain(relay)
    older: Any = await events_redis.dump(STREAM)
    async with db.transaction() as connection:
        await change(connection, "a")
    await drain(relay)
    await events_redis.restore(STREAM, 0, older, replace=True)
    await relay.turn()
    await drain(relay)
    assert numbers(await sent(events_redis)) == {"a": [1, 2]}


async def test_a_clock_of_redis_that_went_back_does_not_turn_ids_around(
    db: Database, events_redis: Redis, relay: Relay
) -> None:
    async with db.transaction() as connection:
        await change(connection, "a")
    await drain(relay)
    future = "99999999999999-7"
    async with db.acquire() as connection:
        await connection.execute("update relay_positions set entry_id = $1", future)
    await relay.turn()  # as after a flush: the stream ends before what we know
    await drain(relay)
    assert (await entry_ids(events_redis))[-1] == "99999999999999-8"


async def test_a_commit_that_failed_after_the_append_repeats_and_keeps_order(
    db: Database, events_redis: Redis, relay: Relay, kit_database: ServiceDatabase
) -> None:
    async with db.transaction() as connection:
        await change(connection, "a")
        await change(connection, "a")
    async with connected(kit_database.owner_url) as owner:
        before = await owner.fetchrow("select since::text, entry_id from relay_positions")
        assert before is not None
        await drain(relay)
        await owner.execute("update relay_positions set since = $1::text::pg_snapshot, entry_id = $2", *before)
    async with db.transaction() as connection:
        await change(connection, "a")
    await drain(relay)
    events = await sent(events_redis)
    assert [one.data["number"] for one in events] == [1, 2, 1, 2, 3]
    assert numbers(events) == {"a": [1, 2, 3]}


async def test_the_stream_is_bounded(db: Database, events_redis: Redis) -> None:
    relay = Relay(db, events_redis, Outbox("membership"), page=100, stream_most=100)
    await relay.prepare()
    async with db.transaction() as connection:
        await publish(connection, *(event("a", number) for number in range(1000)))
    await drain(relay)
    assert 100 <= await events_redis.xlen(STREAM) < 400


async def test_the_outbox_keeps_what_was_not_sent_however_old(
    db: Database, kit_database: ServiceDatabase, relay: Relay
) -> None:
    outbox = Outbox("membership")
    async with db.transaction() as connection:
        await publish(connection, event("a", 1))
    assert await outbox.prune(db, timedelta(0)) == 0
    await drain(relay)
    assert await outbox.prune(db, timedelta(days=1)) == 0
    assert await outbox.prune(db, timedelta(0)) == 1


async def test_a_position_of_another_cluster_is_said_and_not_waited_for(db: Database, relay: Relay) -> None:
    async with db.acquire() as connection:
        await connection.execute("update relay_positions set since = '99999999:99999999:'")
    with pytest.raises(PositionAhead):
        await relay.turn()


@pytest.mark.crash
async def test_killed_servers_lose_no_event(own_servers: OwnServers) -> None:
    """PostgreSQL and Redis are killed under a running relay; in the end the stream has all, in order."""
    servers = own_servers()
    endpoints = servers.start()
    async with connected(endpoints.postgres_url) as admin:
        await admin.execute("create role serves")
    await migrate.apply(endpoints.postgres_url, migrate.KIT, "serves")
    db = await Database.open(endpoints.postgres_url, name="test", size=6)
    redis = Redis.from_url(endpoints.redis_events_url, socket_timeout=2)
    relay = Relay(db, redis, Outbox("membership"), look=timedelta(milliseconds=50))
    job = asyncio.create_task(relay.run())
    stop = asyncio.Event()

    async def write(key: str) -> None:
        while not stop.is_set():
            try:
                async with db.transaction() as connection:
                    await change(connection, key)
            except Unavailable:
                await asyncio.sleep(0.05)

    async def expected() -> dict[str, int]:
        async with db.acquire() as connection:
            rows = await connection.fetch("select consumer, entry_id::int from consumer_positions")
        return {row["consumer"]: row["entry_id"] for row in rows}

    async def all_there() -> bool:
        have = numbers(await sent(redis))
        return have == {key: list(range(1, count + 1)) for key, count in (await expected()).items()}

    try:
        writers = [asyncio.create_task(write(key)) for key in "ab"]
        for server in (servers.events, servers.postgres, servers.events):
            before = sum((await expected()).values())
            await wait_until(lambda before=before: _more(expected, before + 20))  # type: ignore[misc]  # a default binds the value
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.restart)
        await wait_until(lambda: _more(expected, before + 20))
        stop.set()
        await asyncio.gather(*writers)
        await wait_until(all_there)
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await redis.aclose()
        await db.close()


async def _more(expected: Callable[[], Awaitable[dict[str, int]]], than: int) -> bool:
    return sum((await expected()).values()) > than
