"""What exchanges are made by: partners, rate books, limits, link policies and paused corridors, each kept from when it
is first read until one of them changes.

All of that is asked for by every quote and every exchange, and changes a few times a day. The database counts the
changes, each in the transaction that makes it; a transaction that reads the count and finds it as it was has what it
would read again. What it counts on must be read from here after whatever it waited for, or be confirmed by the count
that its last statement finds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from guerdon_kit.postgres import Connection, Database
from partner_exchange.domain.book import Edition
from partner_exchange.domain.limits import Limits, Pause
from partner_exchange.domain.links import LinkPolicy
from partner_exchange.domain.partners import Coalition, Partner
from partner_exchange.domain.rates import PairRate
from partner_exchange.store import changes, corridors, limits, links, partners, rates


@dataclass(eq=False)
class Market:
    """What was read since the `changes`-th change. What there is none of is asked for again."""

    changes: int
    _partners: dict[str, Partner] = field(default_factory=dict)
    _coalitions: dict[str, Coalition] = field(default_factory=dict)
    _editions: dict[tuple[str, int], Edition] = field(default_factory=dict)
    _newest: dict[str, Edition] = field(default_factory=dict)
    _rates: dict[tuple[str, int, str, str], PairRate] = field(default_factory=dict)
    _limits: dict[tuple[str, str], tuple[Limits, ZoneInfo]] = field(default_factory=dict)
    _pauses: dict[tuple[str, str], Pause | None] = field(default_factory=dict)
    _link_policies: dict[str, LinkPolicy] = field(default_factory=dict)

    async def partners(self, connection: Connection, partner_ids: Collection[str]) -> dict[str, Partner]:
        """The partners of those ids, as far as they exist, without their keys."""
        missing = [one for one in partner_ids if one not in self._partners]
        if missing:
            self._partners |= await partners.find(connection, missing)
        return {one: self._partners[one] for one in partner_ids if one in self._partners}

    async def coalition(self, connection: Connection, coalition_id: str) -> Coalition:
        """The coalition of that id.

        Raises:
            NotFound: there is none.
        """
        if coalition_id not in self._coalitions:
            self._coalitions[coalition_id] = await partners.coalition(connection, coalition_id)
        return self._coalitions[coalition_id]

    async def edition(self, connection: Connection, coalition_id: str, version: int) -> Edition:
        """When a book holds, or would have.

        Raises:
            NotFound: there is none.
        """
        key = coalition_id, version
        if key not in self._editions:
            self._editions[key] = await rates.edition_of(connection, coalition_id, version)
        return self._editions[key]

    async def rate_at(
        self, connection: Connection, coalition_id: str, sender: str, receiver: str, time: datetime
    ) -> tuple[Edition, PairRate] | None:
        """The terms of a pair at a time, and the book they are in; None where there are none."""
        edition = self._newest.get(coalition_id)
        if edition is None or not edition.holds_at(time):
            edition = await rates.edition_at(connection, coalition_id, time)
            if edition is None:
                return None
            self._newest[coalition_id] = edition
        key = coalition_id, edition.version, sender, receiver
        if key not in self._rates:
            rate = await rates.of_pair(connection, *key)
            if rate is None:
                return None
            self._rates[key] = rate
        return edition, self._rates[key]

    async def limits(self, connection: Connection, partner_id: str, receiver: str) -> tuple[Limits, ZoneInfo]:
        """A partner's limits for what it sends to a receiver, and its coalition's time zone.

        Raises:
            NotFound: there is no such partner.
        """
        key = partner_id, receiver
        if key not in self._limits:
            version, zone = await limits.in_force(connection, partner_id, receiver)
            self._limits[key] = version.limits, zone
        return self._limits[key]

    async def pause(self, connection: Connection, sender: str, receiver: str) -> Pause | None:
        """Why, and since when, a corridor between two partners is paused; None: it is not."""
        key = sender, receiver
        if key not in self._pauses:
            self._pauses[key] = await corridors.pause_of(connection, sender, receiver)
        return self._pauses[key]

    async def link_policy(self, connection: Connection, coalition_id: str) -> LinkPolicy:
        """What a coalition asks of links and authorizations."""
        if coalition_id not in self._link_policies:
            self._link_policies[coalition_id] = await links.policy(connection, coalition_id)
        return self._link_policies[coalition_id]


class Markets:
    """The market as it is now."""

    def __init__(self, database: Database) -> None:
        self._market: Market | None = None
        database.on_new_server(self._forget)  # it may count again what it has counted

    async def now(self, connection: Connection) -> Market:
        """The market, for the transaction of this connection, from here on."""
        counted = await changes.counted(connection)
        market = self._market
        if market is None or market.changes != counted:
            market = self._market = Market(counted)
        return market

    async def last(self, connection: Connection) -> Market:
        """The market as it was when it was last asked for: for what never changes, and for who has the count confirmed
        by the statement that keeps what was decided.
        """
        return self._market or await self.now(connection)

    def _forget(self) -> None:
        self._market = None
