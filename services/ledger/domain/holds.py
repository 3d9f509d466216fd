"""Holds: placed on particular lots, then captured or released exactly once, unless their time passes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.domain.book import Book
from ledger.domain.clockwork import closed_hold, expire_due, resolve
from ledger.domain.desk import Desk
from ledger.domain.errors import (
    CaptureExceedsHold,
    ExpiryPassed,
    HoldAlreadyCaptured,
    HoldAlreadyReleased,
    HoldExpired,
)
from ledger.domain.journal import Event, Record
from ledger.domain.locked import Locked, require_unlocked
from ledger.domain.model import Account, EventKind, Hold, HoldState, Kind
from ledger.domain.posting import entry, touch
from ledger.domain.states import Operation, require


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """A hold that is asked for."""

    account: Account
    amount: int
    expire_time: datetime
    purpose: str
    actor: str
    locked: Locked | None = None
    """What has to be left in the account."""


@dataclass(frozen=True, slots=True)
class CaptureOrder:
    """A capture that is asked for. `amount` 0 is all of the hold."""

    amount: int
    destination: Account
    actor: str
    memo: str


def place(order: HoldOrder, book: Book, desk: Desk, now: datetime) -> Hold:
    """Sets points aside.

    Raises:
        AccountFrozen, AccountClosed: the account's state does not allow it.
        InsufficientPoints: less is available.
        PointsLocked, BalanceChanged: it does not leave what is locked, or that is not known.
        ExpiryPassed: its time has passed before it began.
    """
    require(Operation.PLACE_HOLD, book.account, book.state)
    if order.expire_time <= now:
        raise ExpiryPassed(expire_time=order.expire_time.isoformat(), record_time=now.isoformat())
    if order.locked is not None:
        require_unlocked(book, order.amount, order.locked, now)
    id_ = desk.ids(1)
    lots = book.place(order.amount, order.expire_time, now)
    hold = Hold(
        id_,
        order.account.id,
        order.amount,
        HoldState.ACTIVE,
        0,
        lots,
        order.expire_time,
        order.purpose,
        order.actor,
        now,
        None,
    )
    book.holds[id_] = hold
    book.new_holds.add(id_)
    version = touch(book, now)
    desk.journal.events.append(
        Event(book.account, version, EventKind.HOLD_PLACED, id_, hold.amount, (), 0, order.actor, now)
    )
    return hold


def capture(order: CaptureOrder, hold: Hold, book: Book, desk: Desk, now: datetime) -> tuple[Hold, Record]:
    """Takes a hold's points, in full or in part, and releases the rest. A lot that expired while it was held can
    still be captured; what is released of it expires at once.

    Raises:
        HoldAlreadyCaptured, HoldAlreadyReleased, HoldExpired: the hold was resolved before.
        CaptureExceedsHold: more was asked for than is held.
        BalanceOverflow: what was spent in a lifetime would leave the range of int64.
    """
    require_active(hold, book.account)
    amount = order.amount or hold.amount
    if amount > hold.amount:
        raise CaptureExceedsHold(hold=hold_name(book.account, hold.id), held=hold.amount, requested=amount)
    book.require_countable(amount)
    debt_before = book.debt
    moves = book.free_hold(hold, amount, now)
    book.spent += amount
    captured = closed_hold(hold, HoldState.CAPTURED, amount, now)
    book.holds[hold.id] = captured
    book.changed_holds.add(hold.id)
    id_ = desk.ids(1)
    posted = entry(
        id_,
        0,
        book.account,
        order.destination,
        amount,
        book,
        None,
        moves,
        now,
        source_debt_delta=book.debt - debt_before,
        hold=hold.id,
    )
    program = book.account.program.number
    record = Record(id_, program, Kind.SPEND, now, now, order.actor, order.memo, None, (posted,))
    desk.book(record)
    expire_due(book, desk, now)
    return captured, record


def release(hold: Hold, book: Book, actor: str, desk: Desk, now: datetime) -> Hold:
    """Gives a hold's points back; what expired meanwhile expires at once.

    Raises:
        HoldAlreadyCaptured, HoldAlreadyReleased, HoldExpired: the hold was resolved before.
    """
    require_active(hold, book.account)
    released = resolve(book, hold, HoldState.RELEASED, EventKind.HOLD_RELEASED, actor, desk, now)
    expire_due(book, desk, now)
    return released


def require_active(hold: Hold, account: Account) -> None:
    """Raises the refusal that says how the hold was resolved."""
    name = hold_name(account, hold.id)
    if hold.state is HoldState.CAPTURED:
        raise HoldAlreadyCaptured(hold=name, captured=hold.captured)
    if hold.state is HoldState.RELEASED:
        raise HoldAlreadyReleased(hold=name)
    if hold.state is HoldState.EXPIRED:
        raise HoldExpired(hold=name, expire_time=hold.expire_time.isoformat())


def hold_name(account: Account, hold: int) -> str:
    """The resource name of a hold."""
    return f"{account.program.name}/holds/{hold}"
