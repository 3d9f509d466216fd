"""Making quotes. Those of one sender that are asked for at the same time are made in one transaction, from rates,
limits and partners that are read once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, InvalidField, NotFound, Unavailable
from guerdon_kit.gathering import Gathering
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.book import Edition
from partner_exchange.domain.errors import NoRate
from partner_exchange.domain.partners import Partner, check_exchanging
from partner_exchange.domain.quotes import Quote, Wanted, check_accounts, check_owed, convert, expire_time, lifetime
from partner_exchange.domain.rates import PairRate
from partner_exchange.operations import authority, bonuses, booking
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.markets import Market, Markets
from partner_exchange.operations.recent_quotes import RecentQuotes
from partner_exchange.store import quotes


@dataclass(frozen=True, slots=True)
class Route:
    """Between whom a quote is: the sender's account and the receiver's, by their ids."""

    sender: str
    source_account: str
    """Its resource name."""
    source_account_id: str
    receiver: str
    destination_account_id: str


@dataclass(frozen=True, slots=True)
class Made:
    """A quote, the currency of its cash fee, and whether the request was sent before."""

    quote: Quote
    currency: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    asking: Asking
    route: Route
    wanted: Wanted
    holds: timedelta


class Quoting:
    """Makes quotes."""

    def __init__(self, database: Database, clock: Clock, markets: Markets, recent: RecentQuotes) -> None:
        self._database = database
        self._clock = clock
        self._markets = markets
        self._recent = recent
        self._gathering = Gathering(self._make, lambda asked: [asked.asking.fingerprint.key])

    async def make(self, asking: Asking, route: Route, wanted: Wanted, minutes: int) -> Made:
        """Makes a quote from the rate in force, for so many minutes.

        Raises:
            InvalidField: the accounts are not members', the source is of another program, or the amount or the time is
                malformed.
            NotFound: there is no such sender, or the coalition has no such receiver.
            PartnerSuspended, NoRate, AmountTooSmall, AboveMaximum: there is nothing to quote.
            NotLinked, LinkCoolingOff: it could not be executed while it lasts.
            CorridorPaused, DailyLimit, MonthlyLimit, VelocityLimit, NetDebitCap: it could not be executed now.
        """
        check_accounts(route.source_account_id, route.destination_account_id)
        return await self._gathering.do(route.sender, _Asked(asking, route, wanted, lifetime(minutes)))

    async def _make(self, sender: str, group: Sequence[_Asked]) -> list[Made | Exception]:
        made = await self._make_at_once(sender, group)
        left = [asked for asked, one in zip(group, made, strict=True) if one is None]
        rest = iter(await self._make_carefully(sender, left) if left else ())
        return [next(rest) if one is None else one for one in made]

    async def _make_at_once(self, sender: str, group: Sequence[_Asked]) -> list[Made | None]:
        """The quotes that one statement makes, from the market as it was last seen: for who asks for the first time,
        and only where nothing has changed. Whoever gets none, or is refused, has to be looked at again.
        """
        made: dict[int, Made] = {}
        try:
            async with self._database.acquire() as connection:
                market = await self._markets.last(connection)
                asking = _Making(connection, market, sender, self._clock.now())
                for place, asked in enumerate(group):
                    with contextlib.suppress(DomainError):
                        quote = await asking.quote(asked)
                        made[place] = Made(quote, await asking.fee_currency(quote), replayed=False)
                fresh = [(group[place].asking.fingerprint, one.quote) for place, one in made.items()]
                kept = await quotes.make(connection, fresh, market.changes) if fresh else set()
        except Unavailable:  # they may have been kept: then they are found
            return [None] * len(group)
        made = {place: one for place, one in made.items() if one.quote.quote_id in kept}
        self._recent.keep(one.quote for one in made.values())
        return [made.get(place) for place in range(len(group))]

    async def _make_carefully(self, sender: str, group: Sequence[_Asked]) -> list[Made | Exception]:
        async def unit(connection: Connection) -> list[Made | Exception]:
            found = await requests.find_all(connection, [asked.asking.fingerprint for asked in group])
            asking = _Making(connection, await self._markets.now(connection), sender, self._clock.now())
            fresh: dict[int, Quote] = {}
            refused: dict[int, Exception] = {}
            for place, (asked, before) in enumerate(zip(group, found, strict=True)):
                if isinstance(before, DomainError):
                    refused[place] = before
                elif before is None:
                    try:
                        fresh[place] = await asking.quote(asked)
                    except Unavailable:
                        raise
                    except DomainError as refusal:
                        refused[place] = refusal
            await _keep(connection, [(group[place].asking, quote) for place, quote in fresh.items()])
            earlier = [before.decode() for before in found if isinstance(before, bytes)]
            kept = await quotes.find(connection, sender, earlier) if earlier else {}
            answers: list[Made | Exception] = []
            for place, before in enumerate(found):
                if place in refused:
                    answers.append(refused[place])
                else:
                    quote = kept[before.decode()] if isinstance(before, bytes) else fresh[place]
                    answers.append(Made(quote, await asking.fee_currency(quote), isinstance(before, bytes)))
            return answers

        return await self._database.run(unit, repeatable=True)


async def _keep(connection: Connection, made: Sequence[tuple[Asking, Quote]]) -> None:
    if made:
        await quotes.insert(connection, [quote for _, quote in made])
        await requests.record_all(connection, [(asking.fingerprint, quote.quote_id.encode()) for asking, quote in made])


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes quotes of one sender."""

    connection: Connection
    market: Market
    sender: str
    now: datetime

    async def quote(self, asked: _Asked) -> Quote:
        """A quote, which is not kept yet. Raises what `Quoting.make` does."""
        route = asked.route
        sender, receiver = await self._brands(route)
        edition, pair = await self._rate(sender, route.receiver)
        terms = pair.in_force(self.now)
        left = await bonuses.left(self.connection, edition.coalition_id, route.source_account_id, terms, self.now)
        promotion = terms.promotion
        conversion = convert(left, asked.wanted)
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
            wanted=asked.wanted,
            conversion=conversion,
            create_time=self.now,
            expire_time=expire_time(self.now, asked.holds, edition.end_time, promotion),
            promotion_id=promotion.promotion_id if promotion else None,
            funder=promotion.funder if promotion else None,
            bonus_cap=terms.bonus.cap if terms.bonus else None,
        )
        await authority.look(self.connection, self.market, quote)
        await booking.look(self.connection, self.market, booking.sending_of(quote, receiver, self.now))
        return quote

    async def fee_currency(self, quote: Quote) -> str:
        """The currency of a quote's cash fee; empty where it has none."""
        if not quote.conversion.cash_fee:
            return ""
        return (await self.market.coalition(self.connection, quote.coalition_id)).currency

    async def _brands(self, route: Route) -> tuple[Partner, Partner]:
        found = await self.market.partners(self.connection, [self.sender, route.receiver])
        sender, receiver = found.get(self.sender), found.get(route.receiver)
        if sender is None:
            raise NotFound(f"partners/{self.sender}")
        if receiver is None or receiver.profile.coalition_id != sender.profile.coalition_id:
            raise NotFound(f"partners/{route.receiver}")
        if route.source_account != sender.account_name(route.source_account_id):
            raise InvalidField.of("quote.source_account", f"must be as {sender.account_name('m-1')}")
        check_exchanging(sender, receiver, self.now)
        return sender, receiver

    async def _rate(self, sender: Partner, receiver: str) -> tuple[Edition, PairRate]:
        coalition_id = sender.profile.coalition_id
        found = await self.market.rate_at(self.connection, coalition_id, self.sender, receiver, self.now)
        if found is None:
            raise NoRate(sender=self.sender, receiver=receiver)
        return found
