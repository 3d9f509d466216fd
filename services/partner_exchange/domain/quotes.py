"""Quotes: what an exchange would do, and for how long that holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.rates import POINTS_MAX, Conversion, PairRate, convert_receive, convert_send

LIFETIME = timedelta(minutes=15)
"""How long a quote holds, unless its book ends before."""


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


def expire_time(now: datetime, book_end: datetime | None) -> datetime:
    """When a quote made now ends: with its book, so that two books cannot be played against each other."""
    return now + LIFETIME if book_end is None else min(now + LIFETIME, book_end)


def _bounded(points: int, field: str) -> int:
    if not 1 <= points <= POINTS_MAX:
        raise InvalidField.of(field, f"must be 1 to {POINTS_MAX}")
    return points
