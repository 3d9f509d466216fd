"""Tells partners of what happened: this service's own events, each written down for those whom it concerns.

They come from the stream, and not from the transactions that publish them: one consumer writes them down one after the
other, so a partner's cursor skips none that committed late; and whoever publishes an event needs to know nothing of
partners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.events import CloudEvent
from guerdon_kit.events.consumer import Handler
from guerdon_kit.postgres import Connection
from partner_exchange.domain.lifecycle import PartnerState
from partner_exchange.domain.partner_events import COALITION_WIDE, TYPES, payload, told
from partner_exchange.store import partner_events, partners


@dataclass(frozen=True)
class Telling:
    """The handlers of the consumer that tells partners."""

    clock: Clock

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By type of event."""
        return dict.fromkeys(TYPES, self._tell)

    async def _tell(self, connection: Connection, event: CloudEvent) -> None:
        if event.type in COALITION_WIDE:
            words = payload(event.type, event.time, {"coalition": event.key, **event.data})
            payloads = dict.fromkeys(await self._members(connection, event.key), words)
        else:
            payloads = told(event.type, event.subject, event.time, event.data)
        await partner_events.tell(connection, event.id, event.type, event.time, payloads, self.clock.now())

    async def _members(self, connection: Connection, coalition: str) -> list[str]:
        """The partners that a coalition has now: who is a draft, or has left, is told nothing of the others."""
        brands = await partners.of_coalition(connection, coalition.removeprefix("coalitions/"))
        outside = {PartnerState.DRAFT, PartnerState.LEFT}
        return [partner_id for partner_id, brand in brands.items() if brand.state not in outside]
