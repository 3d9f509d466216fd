"""Quotes: what an exchange would do, and for how long that holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from guerdon_kit.errors import FieldViolation, InvalidField
from partner_exchange.domain.book import Edition
from partner_exchange.domain.converting import Conversion, convert_receive, convert_send
from partner_exchange.domain.errors import AboveMaximum, QuoteExpired, RateBookWithdrawn
from partner_exchange.domain.rates import POINTS_MAX, BonusCap, PairRate, Promotion
from partner_exchange.domain.windows import AMOUNT_MAX

_MEMBER_ACCOUNT = re.compile(r"[A-Za-z0-9_~-]{1,63}")

LIFETIMES = {0: timedelta(minutes=15), **{minutes: timedelta(minutes=minutes) for minutes in (1, 15, 30)}}
"""How long a quote may be asked to hold, by minutes, unless its book or its promotion ends before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a quote is asked for: exactly one of the two, in points."""

    send: int | None
    receive_at_least: int | None


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote as it is kept."""

    quote_id: str
    coalition_id: str
    sender: str
    receiver: str
    book_version: int
    rate: Fraction
    source_account_id: str
    destination_account_id: str
    wanted: Wanted
    conversion: Conversion
    create_time: datetime
    expire_time: datetime
    promotion_id: str | None = None
    """The promotion in force."""
    funder: str | None = None
    """Who pays for what the promotion brings: a partner's id; None: the hub."""
    bonus_cap: BonusCap | None = None
    """Of the bonus points of a member and pair in a period, by which its bonus is judged when it is executed."""

    @property
    def name(self) -> str:
        """Its resource name, under the sending partner."""
        return f"partners/{self.sender}/quotes/{self.quote_id}"


def convert(pair: PairRate, wanted: Wanted) -> Conversion:
    """What an exchange of the pair would do.

    Raises:
        InvalidField: not exactly one amount is asked for, or it is out of bounds.
        AmountTooSmall, AboveMaximum: the pair does not allow it.
    """
    if wanted.send is not None and wanted.receive_at_least is None:
        return convert_send(pair, _bounded(wanted.send, "quote.send"))
    if wanted.receive_at_least is not None and wanted.send is None:
        return convert_receive(pair, _bounded(wanted.receive_at_least, "quote.receive_at_least"))
    raise InvalidField.of("quote.amount", "exactly one of send and receive_at_least is required")


def check_accounts(source_account_id: str, destination_account_id: str) -> None:
    """Only members' accounts take part: the ids of system accounts have a dot.

    Raises:
        InvalidField: naming each field that is no id of a member's account.
    """
    fields = (("source_account", source_account_id), ("destination_account_id", destination_account_id))
    violations = [
        FieldViolation(f"quote.{field}", "must be a MEMBER account, its id 1 to 63 of A-Z a-z 0-9 _ ~ -")
        for field, account in fields
        if _MEMBER_ACCOUNT.fullmatch(account) is None
    ]
    if violations:
        raise InvalidField(violations)


def check_owed(conversion: Conversion, pair: PairRate, price: Fraction) -> None:
    """What the sender will owe must be an amount of money that can be settled.

    Raises:
        AboveMaximum: at the receiver's price of a point it is more.
    """
    if conversion.received * price > AMOUNT_MAX:
        raise AboveMaximum(maximum=pair.maximum, receives_at_most=int(AMOUNT_MAX / price))


def check_usable(quote: Quote, edition: Edition, now: datetime) -> None:
    """A quote can be used until its own end, or that of its book where a later one was published since; not at all once
    its book was withdrawn, which another host's clock may call later than now.

    Raises:
        RateBookWithdrawn: its book was.
        QuoteExpired: its time is past.
    """
    withdrawn = edition.withdraw_time
    if withdrawn is not None:
        raise RateBookWithdrawn(rate_book=edition.name, quote=quote.name, withdraw_time=withdrawn.isoformat())
    end = quote.expire_time if edition.end_time is None else min(quote.expire_time, edition.end_time)
    if now >= end:
        raise QuoteExpired(quote=quote.name, expire_time=end.isoformat())


def lifetime(minutes: int) -> timedelta:
    """How long a quote is asked to hold.

    Raises:
        InvalidField: that is not on offer.
    """
    if minutes not in LIFETIMES:
        raise InvalidField.of("lifetime_minutes", "must be 1, 15 or 30, or 0 for 15")
    return LIFETIMES[minutes]


def expire_time(now: datetime, wanted: timedelta, book_end: datetime | None, promotion: Promotion | None) -> datetime:
    """When a quote made now ends: with its book and its promotion, so that neither can be played against the next."""
    ends = [now + wanted]
    if book_end is not None:
        ends.append(book_end)
    if promotion is not None:
        ends.append(promotion.end_time)
    return min(ends)


def _bounded(points: int, field: str) -> int:
    if not 1 <= points <= POINTS_MAX:
        raise InvalidField.of(field, f"must be 1 to {POINTS_MAX}")
    return points
