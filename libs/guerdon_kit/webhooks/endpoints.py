"""What owners do with their webhooks: where they go, what signs them, what became of them. Every write answers
whether it was sent before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from guerdon_kit.clock import Clock
from guerdon_kit.egress import url_ok
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from guerdon_kit.sealing import SealingKeys
from guerdon_kit.webhooks import rows, signing
from guerdon_kit.webhooks.errors import ReplayTooLarge, WebhooksDisabled
from guerdon_kit.webhooks.owners import Owners
from guerdon_kit.webhooks.rules import (
    REPLAY_MAX,
    Delivery,
    DeliveryState,
    DisableReason,
    Endpoint,
    EndpointState,
)


@dataclass(frozen=True)
class WebhookEndpoints:
    """The owners' endpoints."""

    database: Database
    keys: SealingKeys
    clock: Clock
    private: bool
    """Endpoints may be within a private network, and without TLS."""
    owners: Owners

    async def put(self, fingerprint: Fingerprint, owner_id: str, url: str, actor: str) -> tuple[Endpoint, str, bool]:
        """Says where an owner's webhooks go; answers with the secret where it is the first.

        Raises:
            InvalidField: the address is none that is called.
            NotFound: there is no such owner.
        """
        if not url_ok(url, private=self.private):
            raise InvalidField.of("url", "must be a public https address of at most 500 characters")

        async def work(connection: Connection) -> bytes:
            await self.owners.lock(connection, owner_id)
            fresh = await rows.put(connection, owner_id, url, actor, self.clock.now())
            return await self._make_secret(connection, owner_id) if fresh else b""

        return await self._with_secret(fingerprint, owner_id, work)

    async def rotate(self, fingerprint: Fingerprint, owner_id: str) -> tuple[Endpoint, str, bool]:
        """Makes a new secret, beside which the one before signs for a while.

        Raises:
            NotFound: the owner has no endpoint.
        """

        async def work(connection: Connection) -> bytes:
            self._set(owner_id, await rows.lock(connection, owner_id))
            return await self._make_secret(connection, owner_id)

        return await self._with_secret(fingerprint, owner_id, work)

    async def disable(self, fingerprint: Fingerprint, owner_id: str) -> tuple[Endpoint, bool]:
        """Stops an owner's webhooks.

        Raises:
            NotFound: the owner has no endpoint.
        """

        async def work(connection: Connection) -> bytes:
            found = self._set(owner_id, await rows.lock(connection, owner_id))
            await rows.disable(connection, owner_id, found.set_time, DisableReason.BY_OWNER)
            return b""

        _, replayed = await requests.once(self.database, fingerprint, work)
        return await self.get(owner_id), replayed

    async def get(self, owner_id: str) -> Endpoint:
        """The owner's endpoint.

        Raises:
            NotFound: it never set one.
        """
        async with self.database.acquire() as connection:
            return self._set(owner_id, await rows.get(connection, owner_id))

    async def deliveries(
        self, owner_id: str, state: DeliveryState | None, before: int, most: int
    ) -> Sequence[Delivery]:
        """What became of an owner's webhooks, newest event first, from before an event on."""
        async with self.database.acquire() as connection:
            return await rows.deliveries(connection, owner_id, state, before, most)

    async def replay(
        self, fingerprint: Fingerprint, owner_id: str, from_time: datetime | None, event_id: UUID | None
    ) -> tuple[int, bool]:
        """Has what happened from a time on, or the one event, sent anew; answers how many events that is.

        Raises:
            NotFound: the owner has no endpoint, or no such event.
            WebhooksDisabled: its webhooks go nowhere.
            ReplayTooLarge: that is more than one request has sent again.
        """

        async def work(connection: Connection) -> bytes:
            if self._set(owner_id, await rows.lock(connection, owner_id)).state is not EndpointState.ENABLED:
                raise WebhooksDisabled(owner=self.owners.name(owner_id))
            found = await rows.events_to_replay(connection, owner_id, from_time, event_id, REPLAY_MAX + 1)
            if event_id is not None and not found:
                raise NotFound(f"{self.owners.name(owner_id)}/events/{event_id}")
            if len(found) > REPLAY_MAX:
                raise ReplayTooLarge(most=REPLAY_MAX)
            await rows.replay(connection, owner_id, found, self.clock.now())
            return str(len(found)).encode()

        count, replayed = await requests.once(self.database, fingerprint, work)
        return int(count), replayed

    def _set(self, owner_id: str, found: Endpoint | None) -> Endpoint:
        """The endpoint, where its owner ever set one."""
        if found is None:
            raise NotFound(f"{self.owners.name(owner_id)}/webhookEndpoint")
        return found

    async def _make_secret(self, connection: Connection, owner_id: str) -> bytes:
        """Keeps a new secret sealed, and answers its version, as requests remember it."""
        sealed = self.keys.seal(signing.new_secret(), *bound(owner_id))
        return str(await rows.add_secret(connection, owner_id, sealed, self.clock.now())).encode()

    async def _with_secret(
        self, fingerprint: Fingerprint, owner_id: str, work: Callable[[Connection], Awaitable[bytes]]
    ) -> tuple[Endpoint, str, bool]:
        version, replayed = await requests.once(self.database, fingerprint, work)
        async with self.database.acquire() as connection:
            found = self._set(owner_id, await rows.get(connection, owner_id))
            secret = ""
            if version:
                kept = (await rows.secrets(connection, owner_id, self.clock.now())).get(int(version))
                secret = self.keys.open(kept, *bound(owner_id)) if kept else ""
        return found, secret, replayed


def bound(owner_id: str) -> tuple[str, str]:
    """What an owner's webhook secrets are sealed to."""
    return "webhooks", owner_id
