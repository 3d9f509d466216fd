"""What the points of quotes are that are about to be used up, asked of the ledger before the exchanges are kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Database
from partner_exchange.clients.ledger import Ledger
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.steps import Source, goes_by_steps
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.markets import Markets
from partner_exchange.operations.recent_quotes import RecentQuotes

_WAIT_S = 1.0
"""The longest that exchanges of one sender wait for a ledger that is slow to say."""


class Sources:
    """Asks for sources, as far as they are told in time: an exchange whose source is known by then is kept together
    with what the ledger will be asked, any other one is asked for again once it is kept.
    """

    def __init__(self, database: Database, markets: Markets, recent: RecentQuotes, ledger: Ledger) -> None:
        self._database = database
        self._markets = markets
        self._recent = recent
        self._ledger = ledger

    async def of(self, sender: str, asked: Mapping[str, Asking]) -> dict[str, Source]:
        """The sources of one sender's quotes by their ids; those of exchanges with a remote partner are no matter of
        the ledger alone.

        Raises:
            Unavailable: PostgreSQL is away.
        """
        async with self._database.acquire() as connection:
            found = await self._recent.find(connection, sender, list(asked))
            market = await self._markets.last(connection)  # where points are kept never changes
            brands = await market.partners(connection, {sender, *(quote.receiver for quote in found.values())})
        hosted = [quote for quote in found.values() if not goes_by_steps(brands[sender], brands[quote.receiver])]
        sources = await asyncio.gather(
            *(self._source(brands[sender], quote.source_account_id, asked[quote.quote_id]) for quote in hosted)
        )
        return {quote.quote_id: source for quote, source in zip(hosted, sources, strict=True) if source is not None}

    async def _source(self, sender: Partner, account_id: str, asking: Asking) -> Source | None:
        now = time.monotonic()
        try:
            return await self._ledger.source(
                sender, account_id, asking.actor, now + min(_WAIT_S, (asking.until - now) / 2)
            )
        except OutcomeUnknown:
            return None
