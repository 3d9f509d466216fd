"""The promise of a webhook: it is sent until its endpoint takes it, for as long as the schedule goes.

An attempt is claimed before it is made, with a lease: one that a crash cut short is made again. Whoever takes webhooks
counts on repeats, and knows them by the event's id.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.egress import Egress, EgressRefused, NoAnswer
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.sealing import SealingKeys
from guerdon_kit.webhooks import rows, signing
from guerdon_kit.webhooks.endpoints import bound
from guerdon_kit.webhooks.owners import Owners
from guerdon_kit.webhooks.rows import Webhook
from guerdon_kit.webhooks.rules import Attempt, DeliveryState, DisableReason, Failure, Outcome, next_time

_log = structlog.get_logger(__name__)

_SHARE = 4
"""How many webhooks are on their way to one endpoint at once, by all workers together."""
_LEASE_MARGIN = timedelta(seconds=20)


@dataclass(frozen=True)
class Deliveries:
    """Webhooks on their way."""

    database: Database
    keys: SealingKeys
    egress: Egress
    clock: Clock
    timeout_s: float
    """How long an endpoint may take to answer."""
    owners: Owners

    async def claim(self, most: int) -> Sequence[Attempt]:
        """Begins up to `most` attempts of what is due, spread over the endpoints.

        Raises:
            Unavailable: PostgreSQL is away.
        """
        now = self.clock.now()
        lease_end = now + timedelta(seconds=self.timeout_s) + _LEASE_MARGIN
        async with self.database.transaction() as connection:
            return await rows.claim(connection, now, lease_end, most, _SHARE)

    async def make(self, attempt: Attempt) -> None:
        """Makes a claimed attempt, and notes what it came to.

        Raises:
            Unavailable: PostgreSQL is away; the attempt is made again when its lease ends.
        """
        async with self.database.acquire() as connection:
            webhook = await rows.webhook(connection, attempt)
            kept = await rows.secrets(connection, attempt.owner, self.clock.now())
        if webhook is None:
            return
        if not webhook.enabled:
            async with self.database.transaction() as connection:
                await rows.give_back(connection, attempt, self.clock.now())
            return
        secrets = [self.keys.open(sealed, *bound(attempt.owner)) for sealed in kept.values()]
        outcome = await self._send(webhook, secrets)
        await self._note(attempt, webhook, outcome)

    async def _send(self, webhook: Webhook, secrets: Sequence[str]) -> Outcome:
        body = webhook.payload.encode()
        headers = signing.headers(secrets, webhook.event_id, self.clock.now(), body)
        try:
            answer = await self.egress.post(
                webhook.url, body, {**headers, "content-type": "application/json"}, self.timeout_s
            )
        except EgressRefused as error:
            _log.warning("webhook_address_refused", event_id=webhook.event_id, why=str(error))
            return Outcome(None, Failure.ADDRESS_REFUSED)
        except NoAnswer:
            return Outcome(None, Failure.NO_ANSWER)
        return Outcome.of(answer.status)

    async def _note(self, attempt: Attempt, webhook: Webhook, outcome: Outcome) -> None:
        now = self.clock.now()
        state = outcome.state_after(attempt.number)
        due = next_time(attempt.number, now, random.random()) if state is DeliveryState.PENDING else None

        async def unit(connection: Connection) -> None:
            if outcome.gone and await rows.disable(connection, attempt.owner, webhook.set_time, DisableReason.GONE):
                owner = self.owners.name(attempt.owner)
                told = Event(self.owners.disabled_type, owner, owner, now, {"reason": DisableReason.GONE.value})
                await publish(connection, told)
            await rows.end_attempt(connection, attempt, outcome, state, due)

        await self.database.run(unit, repeatable=True)
