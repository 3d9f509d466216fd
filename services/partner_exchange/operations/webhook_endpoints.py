"""What partners do with their webhooks: where they go, what signs them, what became of them. Every write answers
whether it was sent before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from guerdon_kit import webhooks as standard
from guerdon_kit.clock import Clock
from guerdon_kit.egress import url_ok
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.postgres import Connection, Database, requests
from guerdon_kit.sealing import SealingKeys
from partner_exchange.domain.errors import ReplayTooLarge, WebhooksDisabled
from partner_exchange.domain.webhooks import (
    REPLAY_MAX,
    Delivery,
    DeliveryState,
    DisableReason,
    Endpoint,
    EndpointState,
)
from partner_exchange.operations.asking import Asking
from partner_exchange.store import partners, webhooks


@dataclass(frozen=True)
class WebhookEndpoints:
    """The partners' endpoints."""

    database: Database
    keys: SealingKeys
    clock: Clock
    private: bool
    """Endpoints may be within a private network, and without TLS."""

    async def put(self, asking: Asking, partner_id: str, url: str) -> tuple[Endpoint, str, bool]:
        """Says where a partner's webhooks go; answers with the secret where it is the first.

        Raises:
            InvalidField: the address is none that is called.
            NotFound: there is no such partner.
        """
        if not url_ok(url, private=self.private):
            raise InvalidField.of("url", "must be a public https address of at most 500 characters")

        async def work(connection: Connection) -> bytes:
            await partners.lock(connection, partner_id)
            fresh = await webhooks.put(connection, partner_id, url, asking.actor, self.clock.now())
            return await self._make_secret(connection, partner_id) if fresh else b""

        return await self._with_secret(asking, partner_id, work)

    async def rotate(self, asking: Asking, partner_id: str) -> tuple[Endpoint, str, bool]:
        """Makes a new secret, beside which the one before signs for a while.

        Raises:
            NotFound: the partner has no endpoint.
        """

        async def work(connection: Connection) -> bytes:
            await webhooks.lock(connection, partner_id)
            return await self._make_secret(connection, partner_id)

        return await self._with_secret(asking, partner_id, work)

    async def disable(self, asking: Asking, partner_id: str) -> tuple[Endpoint, bool]:
        """Stops a partner's webhooks.

        Raises:
            NotFound: the partner has no endpoint.
        """

        async def work(connection: Connection) -> bytes:
            found = await webhooks.lock(connection, partner_id)
            await webhooks.disable(connection, partner_id, found.set_time, DisableReason.BY_PARTNER)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        return await self.get(partner_id), replayed

    async def get(self, partner_id: str) -> Endpoint:
        """The partner's endpoint.

        Raises:
            NotFound: it never set one.
        """
        async with self.database.acquire() as connection:
            return await webhooks.get(connection, partner_id)

    async def deliveries(
        self, partner_id: str, state: DeliveryState | None, before: int, most: int
    ) -> Sequence[Delivery]:
        """What became of a partner's webhooks, newest event first, from before an event on."""
        async with self.database.acquire() as connection:
            return await webhooks.deliveries(connection, partner_id, state, before, most)

    async def replay(
        self, asking: Asking, partner_id: str, from_time: datetime | None, event_id: UUID | None
    ) -> tuple[int, bool]:
        """Has what happened from a time on, or the one event, sent anew; answers how many events that is.

        Raises:
            NotFound: the partner has no endpoint, or no such event.
            WebhooksDisabled: its webhooks go nowhere.
            ReplayTooLarge: that is more than one request has sent again.
        """

        async def work(connection: Connection) -> bytes:
            if (await webhooks.lock(connection, partner_id)).state is not EndpointState.ENABLED:
                raise WebhooksDisabled(partner=f"partners/{partner_id}")
            found = await webhooks.events_to_replay(connection, partner_id, from_time, event_id, REPLAY_MAX + 1)
            if event_id is not None and not found:
                raise NotFound(f"partners/{partner_id}/events/{event_id}")
            if len(found) > REPLAY_MAX:
                raise ReplayTooLarge(most=REPLAY_MAX)
            await webhooks.replay(connection, partner_id, found, self.clock.now())
            return str(len(found)).encode()

        count, replayed = await requests.once(self.database, asking.fingerprint, work)
        return int(count), replayed

    async def _make_secret(self, connection: Connection, partner_id: str) -> bytes:
        """Keeps a new secret sealed, and answers its version, as requests remember it."""
        sealed = self.keys.seal(standard.new_secret(), *bound(partner_id))
        return str(await webhooks.add_secret(connection, partner_id, sealed, self.clock.now())).encode()

    async def _with_secret(
        self, asking: Asking, partner_id: str, work: Callable[[Connection], Awaitable[bytes]]
    ) -> tuple[Endpoint, str, bool]:
        version, replayed = await requests.once(self.database, asking.fingerprint, work)
        async with self.database.acquire() as connection:
            found = await webhooks.get(connection, partner_id)
            secret = ""
            if version:
                kept = (await webhooks.secrets(connection, partner_id, self.clock.now())).get(int(version))
                secret = self.keys.open(kept, *bound(partner_id)) if kept else ""
        return found, secret, replayed


def bound(partner_id: str) -> tuple[str, str]:
    """What a partner's webhook secrets are sealed to."""
    return "webhooks", partner_id
