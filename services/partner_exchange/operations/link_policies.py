"""What a coalition asks of the accounts between which points are exchanged, and its changes."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.links import LinkPolicy
from partner_exchange.domain.partner_events import PREFIX
from partner_exchange.operations.asking import Asking
from partner_exchange.store import links, partners


@dataclass(frozen=True)
class LinkPolicies:
    """Link policies, as the operator changes them."""

    database: Database
    clock: Clock

    async def update(self, asking: Asking, coalition_id: str, policy: LinkPolicy) -> bool:
        """Has a coalition ask this from now on, of exchanges that are accepted and links that are made; answers whether
        the request was sent before. Links keep the cooling-off that they were made with.

        Raises:
            NotFound: there is no such coalition.
        """

        async def insert(connection: Connection) -> bytes:
            coalition = await partners.lock_coalition(connection, coalition_id)
            if policy != await links.policy(connection, coalition_id):
                now = self.clock.now()
                await links.insert_policy(connection, coalition_id, policy, asking.actor, now)
                event = Event(f"{PREFIX}link_policy_updated", coalition.name, coalition.name, now, {})
                await publish(connection, event)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, insert)
        return replayed
