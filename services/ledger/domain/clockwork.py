"""Booking what the clock has done: lots that expired, holds that lapsed, lots that matured while there was debt.

Reads and decisions honour these facts at once. Whoever next writes to the account, or the sweeper, books them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ledger.domain.book import Book
from ledger.domain.desk import Desk
from ledger.domain.journal import Event, Record
from ledger.domain.model import EventKind, Hold, HoldState, Kind, Lot
from ledger.domain.posting import entry, touch

SWEEPER = "ledger:sweeper"


def is_due(book: Book, now: datetime) -> bool:
    """Whether the clock has changed something since the book was last written."""
    return book.valid_until <= now


def sweep(book: Book, desk: Desk, now: datetime) -> datetime:
    """Books everything that is due on one account; answers the last record time used, `now` or microseconds later."""
    at = now
    for hold in book.due_holds(now):
        at = _next(book, at)
        lapse(book, hold, desk, at)
    at = expire_due(book, desk, at)
    book.refresh(at)
    if book.debt:
        at = _pay_matured(book, desk, at)
    book.changed = True  # even where only `valid_until` moved on, the row must learn it
    return at


def expire_due(book: Book, desk: Desk, now: datetime) -> datetime:
    """One EXPIRY transaction for each lot whose time has passed, as far as it is not held."""
    at = now
    for lot in book.due_lots(now):
        at = _next(book, at)
        _expire(book, lot, desk, at)
    return at


def lapse(book: Book, hold: Hold, desk: Desk, now: datetime) -> None:
    """A hold's time has passed: nothing was taken."""
    resolve(book, hold, HoldState.EXPIRED, EventKind.HOLD_EXPIRED, SWEEPER, desk, now)


def resolve(book: Book, hold: Hold, state: HoldState, kind: EventKind, actor: str, desk: Desk, now: datetime) -> Hold:
    """Gives a hold's points back, as an event of the account; answers the resolved hold."""
    debt_before = book.debt
    moves = tuple(book.free_hold(hold, 0, now))
    resolved = closed_hold(hold, state, 0, now)
    book.holds[hold.id] = resolved
    book.changed_holds.add(hold.id)
    version = touch(book, now)
    debt_delta = book.debt - debt_before
    desk.journal.events.append(Event(book.account, version, kind, hold.id, -hold.amount, moves, debt_delta, actor, now))
    return resolved


def closed_hold(hold: Hold, state: HoldState, captured: int, now: datetime) -> Hold:
    """The hold after it was resolved."""
    return Hold(
        hold.id,
        hold.account,
        hold.amount,
        state,
        captured,
        hold.lots,
        hold.expire_time,
        hold.purpose,
        hold.actor,
        hold.record_time,
        now,
    )


def _expire(book: Book, lot: Lot, desk: Desk, now: datetime) -> None:
    program = book.account.program
    gone_to = (
        desk.system.breakage(program, book.account.unit)
        if lot.budget is None
        else desk.system.by_id(program, lot.budget)
    )
    assert gone_to.id in desk.slices or not gone_to.limitable, "what is left of a budget was not locked"
    amount = lot.free
    moves = book.expire(lot, now)
    # It happened when the lot's time passed; where these books are closed by now, it belongs into the open ones.
    effective = max(lot.expire_time, desk.close_times.get(program.number, lot.expire_time))
    id_ = desk.ids(1)
    posted = entry(id_, 0, book.account, gone_to, amount, book, None, moves, now)
    desk.book(Record(id_, program.number, Kind.EXPIRY, effective, now, SWEEPER, "", None, (posted,)))


def _pay_matured(book: Book, desk: Desk, now: datetime) -> datetime:
    before = book.debt
    moves = tuple(book.pay_debt(now))
    if not moves:
        return now
    at = _next(book, now)
    version = touch(book, at)
    desk.journal.events.append(
        Event(book.account, version, EventKind.DEBT_PAID, None, 0, moves, book.debt - before, SWEEPER, at)
    )
    return at


def _next(book: Book, at: datetime) -> datetime:
    """A record time not before `at` and later than the account's last."""
    return at if book.record_time < at else book.record_time + timedelta(microseconds=1)
