"""What partners are told, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from guerdon_kit.postgres import Connection
from partner_exchange.domain.partner_events import PartnerEvent
from partner_exchange.store import queries


async def tell(
    connection: Connection, event_id: UUID, type_: str, time: datetime, payloads: Mapping[str, str], now: datetime
) -> None:
    """Keeps an event for those it concerns, by their ids, with their payloads, and has webhooks sent of it."""
    await queries.tell_partners(
        connection,
        event_id=event_id,
        type=type_,
        time=time,
        now=now,
        partners=list(payloads),
        payloads=list(payloads.values()),
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
