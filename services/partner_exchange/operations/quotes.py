"""What partners ask before they exchange: rates and quotes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.book import Edition
from partner_exchange.domain.errors import NoRate
from partner_exchange.domain.limits import Pause
from partner_exchange.domain.partners import Partner, check_exchanging
from partner_exchange.domain.quotes import Quote, Wanted, check_accounts, check_owed, convert, expire_time, lifetime
from partner_exchange.domain.rates import PairRate, Promotion
from partner_exchange.operations import bonuses, booking
from partner_exchange.operations.asking import Asking, recorded
from partner_exchange.store import corridors, partners, quotes, rates

_PRUNE_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Route:
    """Between whom a quote is: the sender's account and the receiver's, by their ids."""

    sender: str
    source_account: str
    """Its resource name."""
    source_account_id: str
    receiver: str
    destination_account_id: str


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

    async def create(self, asking: Asking, route: Route, wanted: Wanted, minutes: int) -> tuple[Quote, str, bool]:
        """Makes a quote from the rate in force, for so many minutes; answers it, the currency of its cash fee, and
        whether it was sent before.

        Raises:
            InvalidField: the accounts are not members', the source is of another program, or the amount or the time is
                malformed.
            NotFound: there is no such sender, or the coalition has no such receiver.
            PartnerSuspended, NoRate, AmountTooSmall, AboveMaximum: there is nothing to quote.
            CorridorPaused, DailyLimit, MonthlyLimit, VelocityLimit, NetDebitCap: it could not be executed now.
        """

        async def insert(connection: Connection) -> bytes:
            quote = await self._fresh(connection, route, wanted, holds)
            await quotes.insert(connection, quote)
            return quote.quote_id.encode()

        holds = lifetime(minutes)
        check_accounts(route.source_account_id, route.destination_account_id)
        outcome = await recorded(self.database, asking)
        replayed = outcome is not None
        if outcome is None:
            outcome, replayed = await requests.once(self.database, asking.fingerprint, insert)
        async with self.database.acquire() as connection:
            quote = await quotes.get(connection, route.sender, outcome.decode())
            currency = ""
            if quote.conversion.cash_fee:
                currency = (await partners.coalition(connection, quote.coalition_id)).currency
            return quote, currency, replayed

    async def prune(self, keep: timedelta) -> int:
        """Deletes the quotes that expired longer ago than `keep`, in small transactions; answers how many."""
        total = 0
        while True:
            async with self.database.transaction() as connection:
                deleted = await quotes.prune(connection, self.clock.now() - keep, _PRUNE_ROWS)
            total += deleted
            if deleted < _PRUNE_ROWS:
                return total

    async def _fresh(self, connection: Connection, route: Route, wanted: Wanted, holds: timedelta) -> Quote:
        found = await partners.find(connection, [route.sender, route.receiver])
        sender = found.get(route.sender)
        if sender is None:
            raise NotFound(f"partners/{route.sender}")
        receiver = found.get(route.receiver)
        if receiver is None or receiver.profile.coalition_id != sender.profile.coalition_id:
            raise NotFound(f"partners/{route.receiver}")
        if route.source_account != sender.account_name(route.source_account_id):
            raise InvalidField.of("quote.source_account", f"must be as {sender.account_name('m-1')}")
        now = self.clock.now()
        check_exchanging(sender, receiver, now)
        edition, pair = await self._rate(connection, sender, route.sender, route.receiver, now)
        terms = pair.in_force(now)
        left = await bonuses.left(connection, edition.coalition_id, route.source_account_id, terms, now)
        promotion = terms.promotion
        conversion = convert(left, wanted)
        check_owed(conversion, left, receiver.profile.agreed_price)
        quote = Quote(
            quote_id=new_id("qt"),
            coalition_id=edition.coalition_id,
            sender=route.sender,
            receiver=route.receiver,
            book_version=edition.version,
            rate=terms.rate,
            source_account_id=route.source_account_id,
            destination_account_id=route.destination_account_id,
            wanted=wanted,
            conversion=conversion,
            create_time=now,
            expire_time=expire_time(now, holds, edition.end_time, promotion),
            promotion_id=promotion.promotion_id if promotion else None,
            funder=promotion.funder if promotion else None,
            bonus_cap=terms.bonus.cap if terms.bonus else None,
        )
        await booking.look(connection, booking.sending_of(quote, receiver, now))
        return quote

    async def _rate(
        self, connection: Connection, partner: Partner, sender: str, receiver: str, time: datetime
    ) -> tuple[Edition, PairRate]:
        found = await rates.rate_at(connection, partner.profile.coalition_id, sender, receiver, time)
        if found is None:
            raise NoRate(sender=sender, receiver=receiver)
        return found
