"""What partners ask before they exchange: rates and quotes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database
from partner_exchange.domain.book import Edition
from partner_exchange.domain.errors import NoRate
from partner_exchange.domain.limits import Pause
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.rates import PairRate, Promotion
from partner_exchange.store import corridors, partners, quotes, rates

_PRUNE_ROWS = 5000


@dataclass(frozen=True)
class Quotes:
    """Rates and quotes, as partners see them."""

    database: Database
    clock: Clock

    async def rate(
        self, partner_id: str, sender: str, receiver: str, time: datetime | None
    ) -> tuple[Edition, PairRate, Promotion | None]:
        """The terms of a pair of the partner's coalition, now or at a time, the book they are in, and the promotion
        that is on.

        Raises:
            NotFound: there is no such partner.
            NoRate: there is no rate of the pair at that time.
        """
        async with self.database.acquire() as connection:
            partner = await partners.get(connection, partner_id)
            at = time or self.clock.now()
            edition, pair = await self._rate(connection, partner, sender, receiver, at)
            return edition, pair, pair.in_force(at).promotion

    async def pause(self, sender: str, receiver: str) -> Pause | None:
        """Why nothing is exchanged from one partner to another now; None: it is."""
        async with self.database.acquire() as connection:
            return await corridors.pause_of(connection, sender, receiver)

    async def prune(self, keep: timedelta) -> int:
        """Deletes the quotes that expired longer ago than `keep`, in small transactions; answers how many."""
        total = 0
        while True:
            async with self.database.transaction() as connection:
                deleted = await quotes.prune(connection, self.clock.now() - keep, _PRUNE_ROWS)
            total += deleted
            if deleted < _PRUNE_ROWS:
                return total

    async def _rate(
        self, connection: Connection, partner: Partner, sender: str, receiver: str, time: datetime
    ) -> tuple[Edition, PairRate]:
        found = await rates.rate_at(connection, partner.profile.coalition_id, sender, receiver, time)
        if found is None:
            raise NoRate(sender=sender, receiver=receiver)
        return found
