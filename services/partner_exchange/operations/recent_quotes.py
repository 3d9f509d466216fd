"""The quotes that this process has made last: most are executed within minutes, and a quote never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from guerdon_kit.postgres import Connection, Database
from partner_exchange.domain.quotes import Quote
from partner_exchange.store import quotes

_MOST = 10_000


class RecentQuotes:
    """Quotes by their ids, from memory or from PostgreSQL. Whether one is used up yet only PostgreSQL knows."""

    def __init__(self, database: Database) -> None:
        self._kept: OrderedDict[str, Quote] = OrderedDict()
        database.on_new_server(self._kept.clear)  # which may never have had them

    def keep(self, made: Iterable[Quote]) -> None:
        """Remembers quotes that are committed."""
        for quote in made:
            self._kept[quote.quote_id] = quote
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    async def find(self, connection: Connection, sender: str, quote_ids: Sequence[str]) -> dict[str, Quote]:
        """The sender's quotes of those ids, as far as there are any; of those that were pruned perhaps some."""
        found = {
            one: quote for one in quote_ids if (quote := self._kept.get(one)) is not None and quote.sender == sender
        }
        missing = [one for one in quote_ids if one not in found]
        return found | await quotes.find(connection, sender, missing) if missing else found
