"""Things that change under a lock, and what was told of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from guerdon_kit.events import CloudEvent, Event, Relay, publish, stream_of
from guerdon_kit.postgres import Connection

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STREAM = stream_of("membership")


def event(key: str, number: int) -> Event:
    return Event(type="guerdon.membership.v1.changed", subject=key, key=key, time=NOON, data={"number": number})


async def change(connection: Connection, key: str) -> None:
    """Changes a thing and publishes that, under the thing's lock, as every service does."""
    number = await connection.fetchval(
        "insert into consumer_positions (consumer, stream, entry_id) values ($1, '', '1')"
        " on conflict (consumer, stream)"
        " do update set entry_id = (consumer_positions.entry_id::int + 1)::text"
        " returning entry_id::int",
        key,
    )
    await publish(connection, event(key, number))


async def sent(redis: Redis) -> list[CloudEvent]:
    entries: Any = await redis.xrange(STREAM)
    return [CloudEvent.from_entry({k.decode(): v.decode() for k, v in fields.items()}) for _, fields in entries]


async def entry_ids(redis: Redis) -> list[str]:
    entries: Any = await redis.xrange(STREAM)
    return [entry_id.decode() for entry_id, _ in entries]


def numbers(events: list[CloudEvent]) -> dict[str, list[int]]:
    """For each key the numbers in the order of the stream, as one sees them who skips what he has had."""
    seen, by_key = set(), dict[str, list[int]]()
    for one in events:
        if one.id not in seen:
            seen.add(one.id)
            by_key.setdefault(one.key, []).append(one.data["number"])
    return by_key


async def drain(relay: Relay) -> None:
    async with asyncio.timeout(30):
        while await relay.turn():
            pass
