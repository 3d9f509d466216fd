"""Rate books: their states, their times, and what they must be before they are proved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from guerdon_kit.errors import FieldViolation, InvalidField
from partner_exchange.domain.errors import ProposedByYou, RateBookSettled, RateBookSuperseded
from partner_exchange.domain.proof import Review
from partner_exchange.domain.rates import PairRate
from partner_exchange.domain.terms import terms_violations

PAIRS_MAX = 2450
"""Pairs in a book: fifty brands, each with each other."""


class BookState(Enum):
    """What became of a book."""

    PROPOSED = "PROPOSED"
    PUBLISHED = "PUBLISHED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class Edition:
    """When a published book of a coalition holds: from `effective_time` to before `end_time`."""

    coalition_id: str
    version: int
    effective_time: datetime
    end_time: datetime | None
    """When the next book begins, or when it was withdrawn; None while neither is known."""
    withdraw_time: datetime | None = None

    @property
    def name(self) -> str:
        """Its resource name."""
        return book_name(self.coalition_id, self.version)

    def holds_at(self, time: datetime) -> bool:
        """Whether it holds then."""
        return self.effective_time <= time and (self.end_time is None or time < self.end_time)


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides on a book: whom it is booked to, and the authenticated subject."""

    actor: str
    subject: str


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of a book, its rates aside."""

    edition: Edition
    state: BookState
    revaluation: bool
    review: Review
    publisher: Person
    decider: str = ""
    """Whom the approval or rejection is booked to; empty where there was none."""


def book_name(coalition_id: str, version: int) -> str:
    """The resource name of a book."""
    return f"coalitions/{coalition_id}/rateBooks/{version}"


def effective_time(asked: datetime | None, now: datetime, last: datetime | None) -> datetime:
    """From when on a new book holds.

    Raises:
        InvalidField: that is in the past, or not after the book before.
    """
    begins = now if asked is None else asked
    if begins < now:
        raise InvalidField.of("rate_book.effective_time", "must not be in the past")
    if last is not None and begins <= last:
        raise InvalidField.of("rate_book.effective_time", f"must be after the book before, {last.isoformat()}")
    return begins


def check_open(book: Record) -> None:
    """A proposal is decided once.

    Raises:
        RateBookSettled: it is none, or no longer.
    """
    if book.state is not BookState.PROPOSED:
        raise RateBookSettled(rate_book=book.edition.name, state=book.state.value)


def check_approval(book: Record, approver: Person, newest: int) -> None:
    """Whether a person may approve a book; `newest` is the newest version that was published.

    Raises:
        RateBookSettled: it is no proposal, or no longer.
        ProposedByYou: the same person proposed it.
        RateBookSuperseded: another book was published since.
    """
    check_open(book)
    if approver.subject == book.publisher.subject:
        raise ProposedByYou(rate_book=book.edition.name)
    if newest > book.edition.version:
        raise RateBookSuperseded(rate_book=book.edition.name, newer=book_name(book.edition.coalition_id, newest))


def check_withdrawal(book: Record) -> bool:
    """Whether a book is to be withdrawn still.

    Raises:
        RateBookSettled: it was never published.
    """
    if book.state in {BookState.PROPOSED, BookState.REJECTED}:
        raise RateBookSettled(rate_book=book.edition.name, state=book.state.value)
    return book.state is BookState.PUBLISHED


def check(pairs: Sequence[PairRate], partners: Collection[str]) -> None:
    """Whether the pairs are well-formed: within bounds, consistent, and between partners of the coalition.

    Raises:
        InvalidField: a pair is malformed, doubled, or of a partner that is not in `partners`.
    """
    violations = list(_violations(pairs, partners))
    if violations:
        raise InvalidField(violations)


def _violations(pairs: Sequence[PairRate], partners: Collection[str]) -> Iterator[FieldViolation]:
    if not 1 <= len(pairs) <= PAIRS_MAX:
        yield FieldViolation("rate_book.pairs", f"must be 1 to {PAIRS_MAX} pairs")
        return
    seen: set[tuple[str, str]] = set()
    for n, pair in enumerate(pairs):
        at = f"rate_book.pairs[{n}]"
        for field, partner in _partners(pair):
            if partner not in partners:
                yield FieldViolation(f"{at}.{field}", f"{partner} is no partner of this coalition")
        if pair.sender == pair.receiver:
            yield FieldViolation(f"{at}.receiver", "must differ from the sender")
        if (pair.sender, pair.receiver) in seen:
            yield FieldViolation(at, "this pair of sender and receiver is in the book already")
        seen.add((pair.sender, pair.receiver))
        yield from (FieldViolation(f"{at}.{field}", description) for field, description in terms_violations(pair))


def _partners(pair: PairRate) -> Iterator[tuple[str, str]]:
    yield "sender", pair.sender
    yield "receiver", pair.receiver
    for n, promotion in enumerate(pair.promotions):
        if promotion.funder is not None:
            yield f"promotions[{n}].funder", promotion.funder
