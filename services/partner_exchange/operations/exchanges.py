"""What partners ask of exchanges: execute a quote, and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.errors import ExchangeInProgress, QuoteUsed
from partner_exchange.domain.exchanges import Exchange, Position, State, refused_with
from partner_exchange.domain.partners import Coalition, Partner, check_exchanging
from partner_exchange.domain.quotes import Quote, check_usable
from partner_exchange.domain.steps import asked
from partner_exchange.operations import bonuses, booking
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.authority import Authority
from partner_exchange.operations.progress import Progress
from partner_exchange.store import exchanges, partners, quotes, rates, windows


@dataclass(frozen=True, slots=True)
class View:
    """An exchange as one of its two partners may see it."""

    exchange: Exchange
    reader: str
    """The partner that reads it."""
    receiver: Partner
    sender: Partner
    currency: str
    settled: bool = False
    """Whether its settlement window is, where that was asked for."""


@dataclass(frozen=True)
class Exchanges:
    """Exchanges, as partners see them."""

    database: Database
    progress: Progress
    authority: Authority

    async def execute(self, asking: Asking, sender: str, quote_id: str, authorization: str) -> tuple[View, bool]:
        """Does what the quote says, once; answers the exchange, and whether the request was sent before.

        `authorization` is the sending brand's reference of what its member agreed to, where the coalition asks for one.

        Raises:
            NotFound: the partner has no such quote.
            QuoteUsed, QuoteExpired, RateBookWithdrawn: it cannot be used, by this request for ever.
            PartnerSuspended, PartnerNotLive, SandboxOnly, PartnerLeaving: not in the partners' states.
            AuthorizationRequired, AuthorizationUsed, NotLinked, LinkCoolingOff: not between these accounts, or not so.
            CorridorPaused, BonusCapReached, DailyLimit, MonthlyLimit, VelocityLimit, NetDebitCap: not now.
            InsufficientPoints, PointsLocked, ExchangeAborted: the ledger refused; for this request for ever.
            ExchangeInProgress: send the same request again, or read the exchange.
        """

        async def accept(connection: Connection) -> bytes:
            await self._accept(connection, asking, sender, quote_id, authorization)
            return quote_id.encode()

        _, replayed = await requests.once(self.database, asking.fingerprint, accept)
        if not replayed:
            self.progress.reached(State.RECEIVED.value)
        try:
            exchange = await self.progress.drive(quote_id, asking.until)
            if exchange.state is State.ABORTED:
                raise refused_with(exchange)
            [view] = await self.views(sender, [exchange])
        except (OutcomeUnknown, Unavailable) as error:
            raise ExchangeInProgress(exchange=f"partners/{sender}/exchanges/{quote_id}") from error
        return view, replayed

    async def get(self, reader: str, exchange_id: str) -> View:
        """An exchange that the partner sent or received.

        Raises:
            NotFound: there is none.
        """
        name = f"partners/{reader}/exchanges/{exchange_id}"
        try:
            async with self.database.acquire() as connection:
                exchange = await exchanges.get(connection, exchange_id)
        except NotFound:
            raise NotFound(name) from None
        if reader not in {exchange.sender, exchange.receiver}:
            raise NotFound(name)
        [view] = await self.views(reader, [exchange], with_settled=True)
        return view

    async def newest(self, reader: str, before: tuple[datetime, str], most: int) -> Sequence[View]:
        """What a partner sent or received, newest first, from before the given time and id."""
        async with self.database.acquire() as connection:
            found = await exchanges.newest(connection, reader, before, most)
        return await self.views(reader, found, with_settled=True)

    async def positions(
        self, coalition_id: str, window: int | None, after: tuple[str, str], most: int
    ) -> tuple[Coalition, Sequence[Position]]:
        """What the brands of a coalition sent each other in a window, by default the open one, by sender and receiver,
        from after the given pair.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.database.acquire() as connection:
            coalition = await partners.coalition(connection, coalition_id)
            number = window or await windows.open_number(connection, coalition_id)
            return coalition, await exchanges.positions(connection, coalition_id, number, after, most)

    async def _accept(
        self, connection: Connection, asking: Asking, sender: str, quote_id: str, authorization: str
    ) -> None:
        """Uses the quote up and keeps the exchange, in one transaction. From here on nothing can expire beneath it."""
        quote, used = await quotes.lock(connection, sender, quote_id)
        if used:
            raise QuoteUsed(exchange=f"partners/{sender}/exchanges/{quote_id}")
        now = self.progress.clock.now()
        edition = await rates.edition_of(connection, quote.coalition_id, quote.book_version)
        check_usable(quote, edition, now)
        found = await partners.find(connection, [quote.sender, quote.receiver])
        check_exchanging(found[quote.sender], found[quote.receiver], now)
        await self.authority.check(connection, quote, authorization, now)
        bonus_count = await bonuses.book(connection, quote, now)
        exchange = replace(
            _received(quote, found[quote.receiver], asking, now),
            bonus_count=bonus_count,
            authorization_reference=authorization,
        )
        await booking.book(connection, booking.sending_of(quote, found[quote.receiver], now))
        await quotes.use(connection, quote_id, now)
        first = asked(exchange, found[quote.sender], found[quote.receiver])
        await exchanges.insert(connection, exchange, first, now + self.progress.lease)

    async def views(self, reader: str, found: Sequence[Exchange], *, with_settled: bool = False) -> Sequence[View]:
        """Exchanges of one coalition, as the reader sees them."""
        if not found:
            return []
        sides = {side for exchange in found for side in (exchange.sender, exchange.receiver)}
        async with self.database.acquire() as connection:
            brands = await partners.find(connection, sorted(sides))
            coalition = await partners.coalition(connection, found[0].coalition_id)
            ids = [exchange.exchange_id for exchange in found]
            settled = await windows.settled(connection, ids) if with_settled else set()
        return [
            View(
                exchange,
                reader,
                brands[exchange.receiver],
                brands[exchange.sender],
                coalition.currency,
                exchange.exchange_id in settled,
            )
            for exchange in found
        ]


def _received(quote: Quote, receiver: Partner, asking: Asking, now: datetime) -> Exchange:
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
        agreed_price=receiver.price_owed,
        fee=quote.conversion.fee,
        cash_fee=0 if receiver.tries else quote.conversion.cash_fee,
        promotion_id=quote.promotion_id,
        funder=quote.funder,
        promoted=quote.conversion.promoted,
        actor=asking.actor,
        create_time=now,
    )
