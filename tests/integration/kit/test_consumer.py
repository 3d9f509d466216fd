"""Consumers: each event takes effect once and in order, whatever the relay, Redis or a handler does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from guerdon_kit.errors import Unavailable
from guerdon_kit.events import CloudEvent, Consumer, Outbox, Relay, publish
from guerdon_kit.events.consumer import Together, prune_consumed
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.testing import wait_until
from tests.integration.kit.changes import STREAM, drain, event

TYPE = "guerdon.membership.v1.changed"
Handle = Callable[[Connection, CloudEvent], Awaitable[None]]


class Effects:
    """What handlers did, in the consumer's own database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    @staticmethod
    async def handle(connection: Connection, one: CloudEvent) -> None:
        await publish(connection, event(f"effect-of-{one.key}", one.data["number"]))

    async def seen(self) -> list[int]:
        async with self.db.acquire() as connection:
            rows = await connection.fetch("select data from outbox where key like 'effect-of-%' order by id")
        return [row["data"]["number"] for row in rows]

    async def parked(self) -> list[tuple[str, str]]:
        async with self.db.acquire() as connection:
            rows = await connection.fetch("select event->>'data' as data, error from parked_events")
        return [(row["data"], row["error"]) for row in rows]


@pytest.fixture
async def relay(db: Database, events_redis: Redis) -> Relay:
    relay = Relay(db, events_redis, Outbox("membership"))
    await relay.prepare()
    return relay


@pytest.fixture
def effects(db: Database) -> Effects:
    return Effects(db)


async def consumer(db: Database, redis: Redis, handle: Handle = Effects.handle, **options: Any) -> Consumer:
    made = Consumer(
        db,
        redis,
        name="test",
        service="membership",
        handlers={TYPE: only_a(handle)},
        block=timedelta(milliseconds=10),
        retry=timedelta(milliseconds=1),
        **options,
    )
    await made.prepare()
    return made


async def happen(db: Database, relay: Relay, *numbers: int) -> None:
    """Publishes events and relays them."""
    async with db.transaction() as connection:
        await publish(connection, *(event("a", number) for number in numbers))
    await drain(relay)


def only_a(handle: Handle) -> Handle:
    """Passes over the events that the tests' handlers publish themselves."""

    async def filtered(connection: Connection, one: CloudEvent) -> None:
        if one.key == "a":
            await handle(connection, one)

    return filtered


async def turns(*consumers: Consumer, count: int = 12) -> None:
    for _ in range(count):
        for one in consumers:
            await one.turn()


async def test_events_take_effect_in_order_and_are_acknowledged(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    await happen(db, relay, 1, 2, 3)
    await turns(await consumer(db, events_redis, batch=2))
    assert await effects.seen() == [1, 2, 3]
    [group] = await events_redis.xinfo_groups(STREAM)
    assert group["pending"] == 0


async def test_an_event_that_comes_again_takes_no_effect_again(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    await happen(db, relay, 1, 2)
    one = await consumer(db, events_redis)
    await turns(one)
    await events_redis.flushdb()
    await relay.turn()  # finds the stream lost, and fills it again
    await drain(relay)
    await turns(one)
    await happen(db, relay, 3)
    await turns(one)
    assert await effects.seen() == [1, 2, 3]


async def test_the_same_event_twice_in_one_batch_takes_effect_once(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    await happen(db, relay, 1)
    [(_, fields)] = await events_redis.xrange(STREAM)  # type: ignore[misc]  # typed as optional
    await events_redis.xadd(STREAM, fields)  # type: ignore[arg-type]  # typed as optional
    await turns(await consumer(db, events_redis))
    assert await effects.seen() == [1]


async def test_a_worker_that_died_in_mid_work_is_taken_over_from_in_order(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    await happen(db, relay, 1, 2, 3)
    reached = asyncio.Event()

    async def stuck(connection: Connection, one: CloudEvent) -> None:
        await Effects.handle(connection, one)
        if one.data["number"] == 2:
            reached.set()
            await asyncio.Event().wait()

    dying = await consumer(db, events_redis, stuck, worker="dying")
    task = asyncio.create_task(turns(dying))
    await reached.wait()
    heir = await consumer(db, events_redis, worker="heir")
    assert await heir.turn() is None  # one consumes, the others stand by
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await turns(heir)
    assert await effects.seen() == [1, 2, 3]


async def test_a_commit_that_was_not_acknowledged_to_redis_is_no_second_effect(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    await happen(db, relay, 1, 2)
    one = await consumer(db, events_redis)
    with monkeypatch.context() as broken:

        async def away(*_: object) -> None:
            raise ConnectionError

        broken.setattr(events_redis, "xack", away)
        with pytest.raises(ConnectionError):
            await turns(one)
    await turns(await consumer(db, events_redis, worker="other"))
    assert await effects.seen() == [1, 2]


async def test_an_event_that_keeps_failing_is_parked_and_the_rest_goes_on_in_order(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    tried = 0

    async def poisoned(connection: Connection, one: CloudEvent) -> None:
        nonlocal tried
        await Effects.handle(connection, one)
        if one.data["number"] == 2:
            tried += 1
            raise KeyError("nobody")

    await happen(db, relay, 1, 2, 3)
    one = await consumer(db, events_redis, poisoned, attempts=3)
    await turns(one)
    await happen(db, relay, 4, 5, 6)
    assert await one.turn() == 5  # in batches again: these three, and the events of the two effects
    assert await effects.seen() == [1, 3, 4, 5, 6]
    assert tried == 3
    assert await effects.parked() == [('{"number":2}', "KeyError")]


async def test_events_that_are_handled_together_take_effect_once_though_one_of_them_keeps_failing(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    runs: list[list[int]] = []

    async def handle(connection: Connection, events: Sequence[CloudEvent]) -> None:
        mine = [one for one in events if one.key == "a"]
        runs.append([one.data["number"] for one in mine])
        for one in mine:
            await Effects.handle(connection, one)
            if one.data["number"] == 3:
                raise ValueError("three")

    one = Consumer(
        db,
        events_redis,
        name="test",
        service="membership",
        handlers={TYPE: Together(handle)},
        attempts=2,
        retry=timedelta(milliseconds=1),
    )
    await one.prepare()
    await happen(db, relay, 1, 2, 3, 4, 5)
    await turns(one)
    assert runs[0] == [1, 2, 3, 4, 5]
    assert [run for run in runs[1:] if 3 in run] == [[3], [3]]  # not once more for each that comes before it
    assert await effects.seen() == [1, 2, 4, 5]
    assert await effects.parked() == [('{"number":3}', "ValueError")]


async def test_a_fault_that_passes_is_not_held_against_the_event(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    tried = 0

    async def shaky(connection: Connection, one: CloudEvent) -> None:
        nonlocal tried
        tried += 1
        if tried <= 10:
            raise Unavailable
        await Effects.handle(connection, one)

    await happen(db, relay, 1)
    one = await consumer(db, events_redis, shaky, attempts=2)
    for _ in range(15):
        try:
            await one.turn()
        except Unavailable:
            continue
    assert await effects.seen() == [1]
    assert await effects.parked() == []


async def test_what_is_no_event_is_parked_at_once(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    await happen(db, relay, 1)
    await events_redis.xadd(STREAM, {"data": "junk"})
    await happen(db, relay, 2)
    await turns(await consumer(db, events_redis))
    assert await effects.seen() == [1, 2]
    assert await effects.parked() == [("junk", "ValueError")]


async def test_types_without_a_handler_are_passed_over(db: Database, events_redis: Redis, relay: Relay) -> None:
    await happen(db, relay, 1)
    other = Consumer(db, events_redis, name="other", service="membership", handlers={})
    await other.prepare()
    await turns(other)
    async with db.acquire() as connection:
        position = await connection.fetchval("select entry_id from consumer_positions where consumer = 'other'")
    assert position != "0-0"


async def test_a_position_that_went_back_with_its_database_is_followed(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    await happen(db, relay, 1)
    one = await consumer(db, events_redis)
    await turns(one)
    async with db.acquire() as connection:
        restored = await connection.fetchval("select entry_id from consumer_positions")
    await happen(db, relay, 2, 3)
    await turns(one)
    async with db.transaction() as connection:  # as if restored to the moment before 2 and 3
        await connection.execute("update consumer_positions set entry_id = $1", restored)
        await connection.execute(
            "delete from consumed_events where event_id in"
            " (select event_id from outbox where key = 'a' and data->>'number' in ('2', '3'))"
        )
    await turns(one)
    assert await effects.seen() == [1, 2, 3, 2, 3]


async def test_a_consumer_that_slept_through_a_trim_gets_what_it_missed(
    db: Database, events_redis: Redis, relay: Relay, effects: Effects
) -> None:
    one = await consumer(db, events_redis)
    await happen(db, relay, 1)
    await turns(one)
    await happen(db, relay, 2, 3)
    await events_redis.xtrim(STREAM, maxlen=1, approximate=False)
    await turns(one)
    assert await effects.seen() == [1, 3]
    await relay.turn()
    await drain(relay)
    await turns(one)
    # 2 comes after 3: what was trimmed can come no sooner than it is missed.
    assert await effects.seen() == [1, 3, 2]


async def test_forgetting_what_was_consumed_is_by_time(db: Database, events_redis: Redis, relay: Relay) -> None:
    await happen(db, relay, 1)
    await turns(await consumer(db, events_redis))
    assert await prune_consumed(db, timedelta(days=1)) == 0
    assert await prune_consumed(db, timedelta(0)) >= 1


async def test_a_job_that_is_cancelled_ends(db: Database, events_redis: Redis) -> None:
    """Again and again, for the client of Redis swallows a cancellation now and then."""
    for at in range(60):
        one = await consumer(db, events_redis)
        job = asyncio.create_task(one.run())
        await asyncio.sleep(0.02 + 0.0005 * at)  # so that the cancellation comes at another moment each time
        job.cancel()
        done, _ = await asyncio.wait([job], timeout=30)
        assert done


async def test_relay_and_workers_together_under_flushes(db: Database, events_redis: Redis, effects: Effects) -> None:
    relay = Relay(
        db, events_redis, Outbox("membership"), poll=timedelta(milliseconds=5), look=timedelta(milliseconds=20)
    )
    workers = [await consumer(db, events_redis, worker=str(n)) for n in range(2)]
    jobs = [asyncio.create_task(relay.run()), *(asyncio.create_task(one.run()) for one in workers)]
    try:
        for number in range(1, 101):
            async with db.transaction() as connection:
                await publish(connection, event("a", number))
            if number % 30 == 0:
                await events_redis.flushdb()

        async def all_seen() -> bool:
            return len(await effects.seen()) >= 100

        await wait_until(all_seen)
        assert await effects.seen() == list(range(1, 101))
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
