"""What partners are told, as their streams read it."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from partner_exchange.domain.partner_events import PartnerEvent
from partner_exchange.store import queries


async def after(connection: Connection, partner_id: str, event: int, most: int) -> list[PartnerEvent]:
    """What a partner is told next."""
    return [
        PartnerEvent(row["id"], str(row["event_id"]), row["type"], row["time"], row["payload"])
        async for row in queries.events_after(connection, partner=partner_id, after=event, most=most)
    ]
