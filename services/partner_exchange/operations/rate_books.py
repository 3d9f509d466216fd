"""Rate books: published with their proof, and read for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.clients.ledger import Ledger
from partner_exchange.domain.book import Edition, check, effective_time
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.rates import PairRate
from partner_exchange.operations.asking import Asking, recorded
from partner_exchange.store import partners, rates


@dataclass(frozen=True)
class RateBooks:
    """A coalition's rate books."""

    database: Database
    ledger: Ledger
    clock: Clock

    async def publish(
        self, asking: Asking, coalition_id: str, pairs: Sequence[PairRate], effective: datetime | None
    ) -> tuple[Edition, list[PairRate], bool]:
        """Publishes a book once it is proved that it cannot be played; answers it, and whether it was sent before.

        The ledger's exchange accounts are opened first, so that what is published can be exchanged.

        Raises:
            NotFound: there is no such coalition.
            InvalidField: a pair, or the effective time, is out of bounds.
            ArbitrageFound: with the cycle and the amounts that gain.
            OutcomeUnknown: the ledger did not answer; send the same request again.
        """

        async def insert(connection: Connection) -> bytes:
            await partners.lock_coalition(connection, coalition_id)
            version, last = await rates.last_book(connection, coalition_id)
            now = self.clock.now()
            begins = effective_time(effective, now, last)
            edition = Edition(coalition_id, version + 1, begins, None, asking.actor)
            await rates.insert_book(connection, edition, pairs, now)
            await publish(connection, _published(edition, now))
            return str(edition.version).encode()

        outcome = await recorded(self.database, asking)
        replayed = outcome is not None
        if outcome is None:
            brands = await self._brands(coalition_id)
            # A large book is a quarter of a second of arithmetic: other calls go on meanwhile.
            await asyncio.to_thread(check, pairs, brands)
            await self._open_accounts(asking, brands, pairs)
            outcome, replayed = await requests.once(self.database, asking.fingerprint, insert)
        return *await self.get(coalition_id, int(outcome)), replayed

    async def get(self, coalition_id: str, version: int) -> tuple[Edition, list[PairRate]]:
        """A book with its rates.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await rates.book(connection, coalition_id, version)

    async def _brands(self, coalition_id: str) -> Mapping[str, Partner]:
        async with self.database.acquire() as connection:
            await partners.coalition(connection, coalition_id)
            return await partners.of_coalition(connection, coalition_id)

    async def _open_accounts(self, asking: Asking, brands: Mapping[str, Partner], pairs: Sequence[PairRate]) -> None:
        others: dict[str, set[str]] = {}
        for pair in pairs:
            others.setdefault(pair.sender, set()).add(pair.receiver)
            others.setdefault(pair.receiver, set()).add(pair.sender)
        for brand, counterparts in sorted(others.items()):
            await self.ledger.open_exchange_accounts(brands[brand], counterparts, asking.actor, asking.until)


def _published(edition: Edition, now: datetime) -> Event:
    return Event(
        type="guerdon.exchange.v1.rate_book_published",
        subject=edition.name,
        key=f"coalitions/{edition.coalition_id}",
        time=now,
        data={"version": edition.version, "effective_time": edition.effective_time.isoformat()},
    )
