"""What partners are told, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from guerdon_kit.postgres import Connection
from partner_exchange.domain.partner_events import PartnerEvent
from partner_exchange.store import queries


@dataclass(frozen=True, slots=True)
class Message:
    """What one partner is told of an event."""

    partner_id: str
    event_id: UUID
    type: str
    time: datetime
    payload: str


async def tell(connection: Connection, messages: Sequence[Message], now: datetime) -> None:
    """Keeps what partners are told, in that order, and has webhooks sent of it."""
    await queries.tell_partners(
        connection,
        now=now,
        partners=[one.partner_id for one in messages],
        event_ids=[one.event_id for one in messages],
        types=[one.type for one in messages],
        times=[one.time for one in messages],
        payloads=[one.payload for one in messages],
    )


async def after(connection: Connection, partner_id: str, event: int, most: int) -> list[PartnerEvent]:
    """What a partner is told next."""
    return [
        PartnerEvent(row["id"], str(row["event_id"]), row["type"], row["time"], row["payload"])
        async for row in queries.events_after(connection, partner=partner_id, after=event, most=most)
    ]


async def newest(connection: Connection) -> int:
    """The newest event of all; 0 where there is none."""
    event: int = await queries.newest_event(connection)
    return event


async def told_after(connection: Connection, event: int) -> dict[str, int]:
    """The partners that were told something after an event, each with the last of it."""
    return {row["partner"]: row["id"] async for row in queries.told_after(connection, after=event)}


async def prune(connection: Connection, before: datetime, most: int) -> int:
    """Deletes what was written down before a time, and what became of its webhooks; answers how many."""
    deleted: int = await queries.prune_partner_events(connection, before=before, most=most)
    return deleted
