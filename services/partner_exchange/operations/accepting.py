"""Using quotes up. Those of one sender that are executed at the same time become exchanges in one transaction, so that
what they are counted in, and what the sender owes, is locked once for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, NotFound, Unavailable
from guerdon_kit.gathering import Gathering
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from guerdon_kit.postgres.failures import Rerun
from partner_exchange.domain.bonuses import BonusCount
from partner_exchange.domain.errors import QuoteUsed
from partner_exchange.domain.exchanges import Exchange, Leg, State
from partner_exchange.domain.partners import Partner, check_exchanging
from partner_exchange.domain.quotes import Quote, check_usable
from partner_exchange.domain.steps import Source, asked, sent_of, sources_of
from partner_exchange.operations import authority, bonuses, booking
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.markets import Market, Markets
from partner_exchange.operations.recent_quotes import RecentQuotes
from partner_exchange.operations.sources import Sources
from partner_exchange.operations.standings import Standing
from partner_exchange.store import exchanges, quotes
from partner_exchange.store.exchange_rows import Received


@dataclass(frozen=True, slots=True)
class _Asked:
    asking: Asking
    quote_id: str
    authorization: str


class Accepting:
    """Makes exchanges of quotes."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        lease: timedelta,
        markets: Markets,
        recent: RecentQuotes,
        sources: Sources,
    ) -> None:
        self._database = database
        self._clock = clock
        self._markets = markets
        self._recent = recent
        self._sources = sources
        self._lease = lease
        self._gathering = Gathering(self._accept, lambda asked: (asked.asking.fingerprint.key, asked.quote_id))

    async def accept(self, asking: Asking, sender: str, quote_id: str, authorization: str) -> Standing | None:
        """Uses the quote up and keeps the exchange: from here on nothing can expire beneath it. Answers where it
        stands; None where the request was sent before. `authorization` is the sending brand's reference of what its
        member agreed to, where the coalition asks for one.

        Raises:
            NotFound: the partner has no such quote.
            QuoteUsed, QuoteExpired, RateBookWithdrawn: it cannot be used, by this request for ever.
            PartnerSuspended, PartnerNotLive, SandboxOnly, PartnerLeaving: not in the partners' states.
            CorridorPaused, BonusCapReached, DailyLimit, MonthlyLimit, VelocityLimit, NetDebitCap: not now.
        """
        return await self._gathering.do(sender, _Asked(asking, quote_id, authorization))

    async def _accept(self, sender: str, group: Sequence[_Asked]) -> list[Standing | Exception | None]:
        sources = await self._sources.of(sender, {one.quote_id: one.asking for one in group})
        asked = [(one.asking.fingerprint, one.quote_id.encode()) for one in group]
        market_of = self._markets.last

        async def unit(connection: Connection) -> list[Standing | Exception | None]:
            nonlocal market_of
            of, market_of = market_of, self._markets.now  # again, where something has changed
            standing = await self._use(connection, sender, group, sources, of, asked)
            return [standing[one.quote_id] for one in group]

        try:
            return await self._database.run(unit, repeatable=True)
        except (DomainError, booking.NotTogether) as refusal:
            # One that is refused, or was sent before, has the transaction undone: then each is by itself.
            if len(group) > 1 or isinstance(refusal, Unavailable):
                raise
            return [await self._accept_one(sender, group[0], sources)]

    async def _accept_one(self, sender: str, one: _Asked, sources: Mapping[str, Source]) -> Standing | None:
        accepted: list[Standing] = []

        async def use(connection: Connection) -> bytes:
            standing = await self._use(connection, sender, [one], sources, self._markets.now)
            accepted[:] = standing.values()
            return one.quote_id.encode()

        _, replayed = await requests.once(self._database, one.asking.fingerprint, use)
        return None if replayed else accepted[0]

    async def _use(
        self,
        connection: Connection,
        sender: str,
        group: Sequence[_Asked],
        sources: Mapping[str, Source],
        market_of: Callable[[Connection], Awaitable[Market]],
        outcomes: Sequence[tuple[Fingerprint, bytes]] = (),
    ) -> dict[str, Standing]:
        wanted = {one.quote_id: one for one in group}
        used = await quotes.lock(connection, sender, list(wanted))
        # Not before: what the lock was waited for may have ended a quote.
        now, market = self._clock.now(), await market_of(connection)
        found = await self._recent.find(connection, sender, list(used))
        usable = await _usable(connection, market, sender, wanted, found, used, now)
        brands = await market.partners(connection, {sender, *(quote.receiver for quote in usable)})
        received: list[Received] = []
        sendings: list[booking.Sending] = []
        for quote in usable:
            receiver = brands[quote.receiver]
            check_exchanging(brands[sender], receiver, now)
            one = wanted[quote.quote_id]
            await authority.check_authorized(connection, market, quote, one.authorization, now)
            count = await bonuses.book(connection, quote, now)
            exchange = _exchange(quote, receiver, count, one, now)
            received.append(self._new(exchange, brands[sender], receiver, sources.get(quote.quote_id)))
            sendings.append(booking.sending_of(quote, receiver, now))
        await booking.book(connection, market, sendings)
        accepted = await exchanges.accept(connection, received, outcomes)
        if accepted.requests < len(outcomes):
            raise booking.NotTogether
        if accepted.changes != market.changes:
            raise Rerun
        coalition = await market.coalition(connection, brands[sender].profile.coalition_id)
        return {
            one.exchange.exchange_id: Standing(
                one.exchange, brands[sender], brands[one.exchange.receiver], coalition.currency
            )
            for one in received
        }

    def _new(self, exchange: Exchange, sender: Partner, receiver: Partner, source: Source | None) -> Received:
        now = exchange.create_time
        sources: Sequence[Leg] = ()
        if source is not None:
            exchange = sent_of(replace(exchange, state=State.POSTING), source, receiver, now)
            sources = sources_of(exchange, source)
        return Received(exchange, asked(exchange, sender, receiver), now + self._lease, sources)


async def _usable(
    connection: Connection,
    market: Market,
    sender: str,
    quote_ids: Collection[str],
    found: Mapping[str, Quote],
    used: Mapping[str, bool],
    now: datetime,
) -> list[Quote]:
    """The locked quotes, none of which is used or over, by their members: bonuses are locked in that order."""
    books = {(quote.coalition_id, quote.book_version) for quote in found.values()}
    editions = {book: await market.edition(connection, *book) for book in books}
    for quote_id in quote_ids:
        if quote_id not in used:
            raise NotFound(f"partners/{sender}/quotes/{quote_id}")
        quote = found[quote_id]
        if used[quote_id]:
            raise QuoteUsed(exchange=f"partners/{sender}/exchanges/{quote_id}")
        check_usable(quote, editions[quote.coalition_id, quote.book_version], now)
    return sorted(found.values(), key=lambda quote: (quote.source_account_id, quote.receiver))


def _exchange(quote: Quote, receiver: Partner, count: BonusCount | None, asked_by: _Asked, now: datetime) -> Exchange:
    return Exchange(
        exchange_id=quote.quote_id,
        coalition_id=quote.coalition_id,
        book_version=quote.book_version,
        sender=quote.sender,
        receiver=quote.receiver,
        source_account_id=quote.source_account_id,
        destination_account_id=quote.destination_account_id,
        debited=quote.conversion.debited,
        received=quote.conversion.received,
        bonus=quote.conversion.bonus,
        bonus_count=count,
        agreed_price=receiver.price_owed,
        fee=quote.conversion.fee,
        cash_fee=0 if receiver.tries else quote.conversion.cash_fee,
        promotion_id=quote.promotion_id,
        funder=quote.funder,
        promoted=quote.conversion.promoted,
        authorization_reference=asked_by.authorization,
        actor=asked_by.asking.actor,
        create_time=now,
    )
