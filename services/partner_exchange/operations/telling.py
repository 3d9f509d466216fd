"""Tells partners of what happened: this service's own events, each written down for those whom it concerns.

They come from the stream, and not from the transactions that publish them: one consumer writes them down one after the
other, so a partner's cursor skips none that committed late; and whoever publishes an event needs to know nothing of
partners.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.events import CloudEvent
from guerdon_kit.events.consumer import Together
from guerdon_kit.postgres import Connection
from guerdon_kit.webhooks.owners import Owners
from guerdon_kit.webhooks.rules import payload
from guerdon_kit.webhooks.told import Message, tell
from partner_exchange.domain.lifecycle import PartnerState
from partner_exchange.domain.partner_events import COALITION_WIDE, PREFIX, TYPES, told
from partner_exchange.store import partners

PARTNERS = Owners("partners", f"{PREFIX}webhook_endpoint_disabled", partners.lock)
"""Whose the endpoints of webhooks are."""


@dataclass(frozen=True)
class Telling:
    """The handlers of the consumer that tells partners."""

    clock: Clock

    @property
    def handlers(self) -> Mapping[str, Together]:
        """By type of event: all by one handler, which takes those that follow each other at once."""
        return dict.fromkeys(TYPES, Together(self._tell))

    async def _tell(self, connection: Connection, events: Sequence[CloudEvent]) -> None:
        messages = [
            Message(partner_id, event.id, event.type, event.time, words)
            for event in events
            for partner_id, words in (await self._payloads(connection, event)).items()
        ]
        await tell(connection, messages, self.clock.now())

    async def _payloads(self, connection: Connection, event: CloudEvent) -> Mapping[str, str]:
        """What each partner is told that an event concerns, by their ids."""
        if event.type not in COALITION_WIDE:
            return told(event.type, event.subject, event.time, event.data)
        words = payload(event.type, event.time, {"coalition": event.key, **event.data})
        return dict.fromkeys(await self._members(connection, event.key), words)

    async def _members(self, connection: Connection, coalition: str) -> list[str]:
        """The partners that a coalition has now: who is a draft, or has left, is told nothing of the others."""
        brands = await partners.of_coalition(connection, coalition.removeprefix("coalitions/"))
        outside = {PartnerState.DRAFT, PartnerState.LEFT}
        return [partner_id for partner_id, brand in brands.items() if brand.state not in outside]
