"""Rate books, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from partner_exchange.domain.book import Edition, book_name
from partner_exchange.domain.rates import PairRate, ThresholdBonus
from partner_exchange.store import queries


async def last_book(connection: Connection, coalition_id: str) -> tuple[int, datetime | None]:
    """Version and beginning of the newest book; (0, None) where there is none yet."""
    row = await queries.last_book(connection, coalition=coalition_id)
    return (0, None) if row is None else (row["version"], row["effective_time"])


async def insert_book(
    connection: Connection, edition: Edition, pairs: Sequence[PairRate], publish_time: datetime
) -> None:
    """Keeps a book with its rates."""
    await queries.insert_book(
        connection,
        coalition=edition.coalition_id,
        version=edition.version,
        effective_time=edition.effective_time,
        publisher=edition.publisher,
        publish_time=publish_time,
    )
    await queries.insert_rates(
        connection,
        coalition=edition.coalition_id,
        version=edition.version,
        senders=[pair.sender for pair in pairs],
        receivers=[pair.receiver for pair in pairs],
        numerators=[pair.rate.numerator for pair in pairs],
        denominators=[pair.rate.denominator for pair in pairs],
        minimums=[pair.minimum for pair in pairs],
        increments=[pair.increment for pair in pairs],
        maximums=[pair.maximum for pair in pairs],
        bonus_thresholds=[pair.bonus.threshold if pair.bonus else None for pair in pairs],
        bonus_points=[pair.bonus.points if pair.bonus else None for pair in pairs],
    )


async def book(connection: Connection, coalition_id: str, version: int) -> tuple[Edition, list[PairRate]]:
    """A book with its rates.

    Raises:
        NotFound: there is none.
    """
    edition = await edition_of(connection, coalition_id, version)
    rows = queries.rates_of_book(connection, coalition=coalition_id, version=version)
    return edition, [_pair(row) async for row in rows]


async def edition_of(connection: Connection, coalition_id: str, version: int) -> Edition:
    """A book without its rates.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_book(connection, coalition=coalition_id, version=version)
    if row is None:
        raise NotFound(book_name(coalition_id, version))
    return _edition(coalition_id, row)


async def rate_at(
    connection: Connection, coalition_id: str, sender: str, receiver: str, time: datetime
) -> tuple[Edition, PairRate] | None:
    """The terms of a pair at a time, and the book they are in; None where there are none."""
    row = await queries.book_at(connection, coalition=coalition_id, time=time)
    if row is None:
        return None
    edition = _edition(coalition_id, row)
    rate = await queries.find_rate(
        connection, coalition=coalition_id, version=edition.version, sender=sender, receiver=receiver
    )
    return None if rate is None else (edition, _pair(rate))


def _edition(coalition_id: str, row: asyncpg.Record) -> Edition:
    return Edition(coalition_id, row["version"], row["effective_time"], row["end_time"], row["publisher"])


def _pair(row: asyncpg.Record) -> PairRate:
    threshold = row["bonus_threshold"]
    return PairRate(
        sender=row["sender"],
        receiver=row["receiver"],
        rate=Fraction(row["numerator"], row["denominator"]),
        minimum=row["minimum"],
        increment=row["increment"],
        maximum=row["maximum"],
        bonus=None if threshold is None else ThresholdBonus(threshold, row["bonus_points"]),
    )
