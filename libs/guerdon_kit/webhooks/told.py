"""What owners are told, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from guerdon_kit.postgres import Connection, load_queries

_queries = load_queries("guerdon_kit.webhooks")


@dataclass(frozen=True, slots=True)
class Message:
    """What one owner is told of an event."""

    owner_id: str
    event_id: UUID
    type: str
    time: datetime
    payload: str


async def tell(connection: Connection, messages: Sequence[Message], now: datetime) -> None:
    """Keeps what owners are told, in that order, and has webhooks sent of it."""
    await _queries.tell_owners(
        connection,
        now=now,
        owners=[one.owner_id for one in messages],
        event_ids=[one.event_id for one in messages],
        types=[one.type for one in messages],
        times=[one.time for one in messages],
        payloads=[one.payload for one in messages],
    )


async def newest(connection: Connection) -> int:
    """The newest event of all; 0 where there is none."""
    event: int = await _queries.newest_event(connection)
    return event


async def told_after(connection: Connection, event: int) -> dict[str, int]:
    """The owners that were told something after an event, each with the last of it."""
    return {row["owner"]: row["id"] async for row in _queries.told_after(connection, after=event)}


async def prune(connection: Connection, before: datetime, most: int) -> int:
    """Deletes what was written down before a time, and what became of its webhooks; answers how many."""
    deleted: int = await _queries.prune_told_events(connection, before=before, most=most)
    return deleted
