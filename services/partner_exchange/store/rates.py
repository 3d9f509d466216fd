"""Rate books, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from partner_exchange.domain.book import BookState, Edition, Person, Record, book_name
from partner_exchange.domain.indirect import Detour
from partner_exchange.domain.proof import Before, Move, Proof, Review
from partner_exchange.domain.rates import PairRate
from partner_exchange.store import queries
from partner_exchange.store.pair_rates import pair_columns, pair_rate, promotion_columns


@dataclass(frozen=True, slots=True)
class Newest:
    """Versions of a coalition's books; 0 where there is none."""

    version: int
    """The newest of all."""
    published: int
    """The newest that was ever published."""
    held: int
    """The newest that holds, held or will hold."""


async def newest(connection: Connection, coalition_id: str) -> Newest:
    """The newest books."""
    row = await queries.newest_versions(connection, coalition=coalition_id)
    return Newest(row["version"], row["published"], row["held"])


async def insert(connection: Connection, record: Record, pairs: Sequence[PairRate], publish_time: datetime) -> None:
    """Keeps a book with its rates, PROPOSED or PUBLISHED."""
    edition = record.edition
    book = {"coalition": edition.coalition_id, "version": edition.version}
    await queries.insert_book(
        connection,
        **book,
        state=record.state.value,
        effective_time=edition.effective_time,
        revaluation=record.revaluation,
        review=_review_members(record.review),
        publisher=record.publisher.actor,
        publisher_person=record.publisher.subject,
        publish_time=publish_time,
    )
    await queries.insert_rates(connection, **book, pairs=[pair_columns(pair) for pair in pairs])
    promotions = [promotion_columns(pair, promotion) for pair in pairs for promotion in pair.promotions]
    if promotions:
        await queries.insert_promotions(connection, **book, promotions=promotions)


async def insert_best(connection: Connection, coalition_id: str, version: int, proof: Proof) -> None:
    """Keeps what later books are proved with."""
    await queries.insert_best_rates(
        connection,
        coalition=coalition_id,
        version=version,
        senders=[sender for sender, _ in proof.best],
        receivers=[receiver for _, receiver in proof.best],
        best_versions=[version if of is None else of for of in proof.best.values()],
    )


async def decide(
    connection: Connection, edition: Edition, state: BookState, decider: Person, decide_time: datetime
) -> None:
    """Publishes or rejects a proposal."""
    await queries.decide_book(
        connection,
        coalition=edition.coalition_id,
        version=edition.version,
        state=state.value,
        effective_time=edition.effective_time,
        decider=decider.actor,
        decider_person=decider.subject,
        decide_time=decide_time,
    )


async def withdraw(connection: Connection, coalition_id: str, version: int, actor: str, time: datetime) -> None:
    """Withdraws a published book."""
    await queries.withdraw_book(
        connection, coalition=coalition_id, version=version, withdrawer=actor, withdraw_time=time
    )


async def before(connection: Connection, coalition_id: str) -> Before:
    """What a new book is proved with."""
    version = (await newest(connection, coalition_id)).held
    best = queries.best_rates_of_book(connection, coalition=coalition_id, version=version)
    return Before(
        version,
        await _pairs(connection, coalition_id, version),
        {(row["sender"], row["receiver"]): (row["best_version"], pair_rate(row)) async for row in best},
    )


async def book(connection: Connection, coalition_id: str, version: int) -> tuple[Record, list[PairRate]]:
    """A book with its rates.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_record(connection, coalition=coalition_id, version=version)
    if row is None:
        raise NotFound(book_name(coalition_id, version))
    return _record(coalition_id, row), await _pairs(connection, coalition_id, version)


async def newest_first(connection: Connection, coalition_id: str, before_version: int, most: int) -> list[Record]:
    """Books without their rates, from below a version on."""
    rows = queries.list_records(connection, coalition=coalition_id, before=before_version, most=most)
    return [_record(coalition_id, row) async for row in rows]


async def edition_of(connection: Connection, coalition_id: str, version: int) -> Edition:
    """When a book holds, or would have.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_edition(connection, coalition=coalition_id, version=version)
    if row is None:
        raise NotFound(book_name(coalition_id, version))
    return _edition(coalition_id, row)


async def edition_at(connection: Connection, coalition_id: str, time: datetime) -> Edition | None:
    """The book that holds at a time; None where none does."""
    row = await queries.edition_at(connection, coalition=coalition_id, time=time)
    if row is None or (row["end_time"] is not None and row["end_time"] <= time):
        return None
    return _edition(coalition_id, row)


async def rate_at(
    connection: Connection, coalition_id: str, sender: str, receiver: str, time: datetime
) -> tuple[Edition, PairRate] | None:
    """The terms of a pair at a time, and the book they are in; None where there are none."""
    edition = await edition_at(connection, coalition_id, time)
    if edition is None:
        return None
    rate = await of_pair(connection, coalition_id, edition.version, sender, receiver)
    return None if rate is None else (edition, rate)


async def of_pair(
    connection: Connection, coalition_id: str, version: int, sender: str, receiver: str
) -> PairRate | None:
    """The terms of a pair in a book; None where it has none."""
    row = await queries.find_rate(connection, coalition=coalition_id, version=version, sender=sender, receiver=receiver)
    return None if row is None else pair_rate(row)


async def _pairs(connection: Connection, coalition_id: str, version: int) -> list[PairRate]:
    return [pair_rate(row) async for row in queries.rates_of_book(connection, coalition=coalition_id, version=version)]


def _edition(coalition_id: str, row: asyncpg.Record) -> Edition:
    return Edition(coalition_id, row["version"], row["effective_time"], row["end_time"], row["withdraw_time"])


def _record(coalition_id: str, row: asyncpg.Record) -> Record:
    return Record(
        _edition(coalition_id, row),
        BookState(row["state"]),
        row["revaluation"],
        _review(row["review"]),
        Person(row["publisher"], row["publisher_person"]),
        row["decider"] or "",
    )


def _review_members(review: Review) -> dict[str, Any]:
    return {
        "detours": [[list(one.path), str(one.rate), str(one.direct)] for one in review.detours],
        "moves": [[one.sender, one.receiver, str(one.before), str(one.after)] for one in review.moves],
        "gain": review.gain,
    }


def _review(kept: Mapping[str, Any]) -> Review:
    return Review(
        [Detour(tuple(path), Fraction(rate), Fraction(direct)) for path, rate, direct in kept["detours"]],
        [Move(sender, receiver, Fraction(was), Fraction(becomes)) for sender, receiver, was, becomes in kept["moves"]],
        kept["gain"],
    )
