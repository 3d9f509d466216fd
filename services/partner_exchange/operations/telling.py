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
from partner_exchange.domain.partner_events import TYPES, told
from partner_exchange.store import partner_events


@dataclass(frozen=True)
class Telling:
    """The handlers of the consumer that tells partners."""

    clock: Clock

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By type of event."""
        return dict.fromkeys(TYPES, self._tell)

    async def _tell(self, connection: Connection, event: CloudEvent) -> None:
        payloads = told(event.type, event.subject, event.time, event.data)
        await partner_events.tell(connection, event.id, event.type, event.time, payloads, self.clock.now())
