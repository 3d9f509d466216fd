"""What is said of a partner, and changes: its name, its agreed price by versions, how long received points live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.partner_events import PREFIX
from partner_exchange.domain.partners import AgreedPrice, Partner, check_profile
from partner_exchange.operations.asking import Asking
from partner_exchange.store import partner_terms, partners


@dataclass(frozen=True)
class PartnerTerms:
    """What the operator changes of partners."""

    database: Database
    clock: Clock

    async def update(self, asking: Asking, partner_id: str, changes: Mapping[str, Any]) -> tuple[Partner, bool]:
        """Changes fields of a partner's profile, by their names; answers whether the request was
        sent before. Exchanges that were accepted keep the price that they were stamped with.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such partner.
        """

        async def change(connection: Connection) -> bytes:
            partner = await partners.lock(connection, partner_id)
            before = partner.profile
            fresh = replace(before, **changes)
            check_profile(fresh)
            if fresh == before:
                return b""
            now = self.clock.now()
            await partner_terms.update(connection, fresh)
            if fresh.agreed_price != before.agreed_price:
                await partner_terms.add_price(connection, partner_id, fresh.agreed_price, asking.actor, now)
            await publish(connection, Event(f"{PREFIX}partner_updated", partner.name, partner.name, now, {}))
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, change)
        async with self.database.acquire() as connection:
            return await partners.get(connection, partner_id), replayed

    async def prices(self, partner_id: str, before: int, most: int) -> Sequence[AgreedPrice]:
        """The prices that were agreed with a partner, newest first, from before a version on.

        Raises:
            NotFound: there is no such partner.
        """
        async with self.database.acquire() as connection:
            await partners.get(connection, partner_id)
            return await partner_terms.prices(connection, partner_id, before, most)
