"""Posting a transaction: what may move where, and what it does to the accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ledger.domain.book import Book, Move
from ledger.domain.books import IfClosed, close_time_of, effective_time
from ledger.domain.desk import Desk
from ledger.domain.errors import ExpiryPassed, InsufficientPoints
from ledger.domain.journal import Entry, Event, Record
from ledger.domain.locked import Locked, require_unlocked
from ledger.domain.model import (
    EARNING,
    MOVING,
    NEVER,
    SPENDING,
    Account,
    AccountKind,
    AccountState,
    EventKind,
    Kind,
    Lot,
    Program,
)
from ledger.domain.states import paying, receiving, require
from ledger.domain.transfer import hand_over, moved_lots


class PostingOrder(NamedTuple):
    """A posting that is asked for."""

    source: Account
    destination: Account
    amount: int
    expire_time: datetime
    """When the lot that it makes expires; NEVER if it does not."""
    available_time: datetime
    """When that lot can first be spent; LONG_AGO if at once. Of a MERGE, NEVER says that pending points are moved."""
    locked: Locked | None = None
    """What has to be left in the source."""


class TransactionOrder(NamedTuple):
    """A transaction that is asked for. The sides of its postings fit its kind."""

    program: Program
    kind: Kind
    postings: tuple[PostingOrder, ...]
    effective_time: datetime | None
    actor: str
    memo: str
    if_closed: IfClosed = IfClosed.REFUSE


def post(order: TransactionOrder, desk: Desk, now: datetime) -> Record:
    """Decides a transaction at `now` and applies it to the books. After a refusal the caller puts the books back.

    Raises:
        InsufficientPoints: a debit is not covered.
        PointsLocked, BalanceChanged: a debit does not leave what is locked, or that is not known.
        BudgetExhausted: a credit limit does not allow it.
        BalanceOverflow: a balance would leave the range of int64.
        ExpiryPassed: a lot would be made that has expired already.
        TooManyLots: a transfer's posting would make too many lots.
        AccountFrozen, AccountClosed: an account's state does not allow it.
        BooksClosed: it happened in closed books.
    """
    effective = _effective_time(order, desk.close_times, now)
    first = desk.ids(len(order.postings))
    entries = []
    for ordinal, posting in enumerate(order.postings):
        try:
            entries.append(_entry(order.kind, posting, desk, first + ordinal, ordinal, now))
        except InsufficientPoints as refusal:
            raise _of_the_whole(order, ordinal, refusal) from None
    record = Record(
        first, order.program.number, order.kind, effective, now, order.actor, order.memo, None, tuple(entries)
    )
    desk.book(record)
    return record


def _effective_time(order: TransactionOrder, close_times: Mapping[int, datetime], now: datetime) -> datetime:
    close_time = None
    if close_times:
        close_time = close_time_of({posting.source.program for posting in order.postings}, close_times)
    return effective_time(order.effective_time, now, order.program, close_time, order.if_closed)


def _of_the_whole(order: TransactionOrder, ordinal: int, refusal: InsufficientPoints) -> InsufficientPoints:
    """A posting's refusal in the numbers of its transaction: what all debits of the account need together, and what
    there was before the first of them.
    """
    account = order.postings[ordinal].source
    required = sum(posting.amount for posting in order.postings if posting.source.id == account.id)
    done = sum(posting.amount for posting in order.postings[:ordinal] if posting.source.id == account.id)
    return InsufficientPoints(account.name, required, int(refusal.metadata["available"]) + done)


def _entry(kind: Kind, posting: PostingOrder, desk: Desk, id_: int, ordinal: int, now: datetime) -> Entry:
    books = desk.books
    source = books[posting.source.id] if posting.source.is_member else None
    destination = books[posting.destination.id] if posting.destination.is_member else None
    debt_before = 0 if destination is None else destination.debt
    moves: list[Move] = [] if source is None else _debit(kind, posting, source, destination, now)
    source_debt = 0
    if source is not None and kind is Kind.MERGE:
        source_debt = posting.amount + sum(delta for _, delta in moves)
    if destination is not None and destination.state is not AccountState.OPEN:
        require(receiving(kind), destination.account, destination.state)
    if source is not None and destination is not None and not source_debt and kind in MOVING:
        made = moved_lots(moves, source.lots, source.account, id_, desk.ids, now)
        moves += [(lot.id, 0) for lot in made]
        moves += [paid for lot in made for paid in destination.credit(lot, now)]
    elif destination is not None:
        moves += destination.credit(_lot(posting, id_, now), now)
        if kind in EARNING:
            destination.earned += posting.amount
    return entry(
        id_,
        ordinal,
        posting.source,
        posting.destination,
        posting.amount,
        source,
        destination,
        moves,
        now,
        source_debt_delta=source_debt,
        destination_debt_delta=0 if destination is None else destination.debt - debt_before,
    )


def _debit(kind: Kind, posting: PostingOrder, source: Book, destination: Book | None, now: datetime) -> list[Move]:
    if source.state is not AccountState.OPEN:
        require(paying(kind), source.account, source.state)
    if kind is Kind.MERGE and destination is not None:
        return hand_over(source, destination, posting.amount, now, pending=posting.available_time == NEVER)
    if posting.locked is not None:
        require_unlocked(source, posting.amount, posting.locked, now)
    if kind not in SPENDING:
        return source.debit(posting.amount, now)
    source.require_countable(posting.amount)
    moves = source.debit(posting.amount, now)
    source.spent += posting.amount
    return moves


def _lot(posting: PostingOrder, id_: int, now: datetime) -> Lot:
    if posting.expire_time <= now:
        raise ExpiryPassed(expire_time=posting.expire_time.isoformat(), record_time=now.isoformat())
    budget = posting.source.id if posting.source.kind is AccountKind.BUDGET else None
    available = max(posting.available_time, now) if posting.available_time > now else now
    return Lot(id_, id_, posting.amount, posting.amount, 0, 0, posting.expire_time, available, now, budget)


def entry(
    id_: int,
    ordinal: int,
    source: Account,
    destination: Account,
    amount: int,
    source_book: Book | None,
    destination_book: Book | None,
    moves: list[Move],
    now: datetime,
    *,
    source_debt_delta: int = 0,
    destination_debt_delta: int = 0,
    hold: int | None = None,
) -> Entry:
    """The entry of a posting that was just applied to the books of its member accounts."""
    source_version = None if source_book is None else touch(source_book, now)
    destination_version = None if destination_book is None else touch(destination_book, now)
    return Entry(
        source.shard,
        id_,
        ordinal,
        source,
        destination,
        amount,
        source_version,
        None if source_book is None else source_book.posted,
        destination_version,
        None if destination_book is None else destination_book.posted,
        tuple(moves),
        source_debt_delta,
        destination_debt_delta,
        hold,
    )


def moved_expiry(lots: Iterable[Lot], expire_time: datetime, book: Book, actor: str, now: datetime) -> Event:
    """Gives lots another expiry; answers the event of their account that says so."""
    moved = list(lots)
    book.move_expiry([lot.id for lot in moved], expire_time, now)
    moves = tuple((lot.id, 0) for lot in moved)
    before = tuple(lot.expire_time for lot in moved)
    version = touch(book, now)
    return Event(book.account, version, EventKind.EXPIRY_MOVED, None, 0, moves, 0, actor, now, expire_time, before)


def touch(book: Book, now: datetime) -> int:
    """The next version of a book; several changes by one transaction share its record time."""
    if book.record_time == now:
        book.version += 1
        return book.version
    return book.touch(now)
