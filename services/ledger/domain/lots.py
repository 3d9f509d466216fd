"""Updating lots: their expiry moved, pending ones activated or cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.errors import DomainError
from ledger.domain.book import Book
from ledger.domain.desk import Desk
from ledger.domain.errors import ExpiryBeforeAvailable, ExpiryPassed
from ledger.domain.journal import Event
from ledger.domain.model import NEVER, EventKind, Lot
from ledger.domain.posting import moved_expiry, touch
from ledger.domain.reversal import Original, Policy, ReversalOrder, reverse
from ledger.domain.states import Operation, require

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class MoveExpiry:
    """Gives lots another expiry; `only_extend` leaves alone those that expire later."""

    expire_time: datetime
    only_extend: bool


@dataclass(frozen=True, slots=True)
class Activate:
    """Makes pending lots available."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Takes pending lots back to where their points came from."""

    originals: tuple[Original, ...]
    """The transactions that made them."""


@dataclass(frozen=True, slots=True)
class LotsOrder:
    """A change of lots that is asked for: of those named, or of all that are open."""

    lots: frozenset[int] | None
    change: MoveExpiry | Activate | Cancel
    actor: str

    def concerned(self, book: Book, now: datetime) -> list[Lot]:
        """The lots that are open and have not expired, in the order of consumption."""
        chosen = book.lots.values() if self.lots is None else (book.lots[i] for i in self.lots if i in book.lots)
        return sorted((lot for lot in chosen if lot.open and lot.expire_time > now), key=lambda lot: lot.order)


def update_lots(order: LotsOrder, book: Book, desk: Desk, now: datetime) -> int:
    """Changes lots of one account; answers how many points that concerned. Lots that are closed, have expired or have
    what is asked for already are left alone: where nothing is left to change, nothing is recorded.

    Raises:
        ExpiryPassed: the new expiry has passed.
        ExpiryBeforeAvailable: a pending lot would expire before it can be spent.
        PartialReversalNotPossible: a lot to cancel comes from a transaction of several postings.
        BalanceOverflow: a balance that points go back to would leave the range of int64.
        AccountClosed: the account, or one that points would go back to, is closed.
    """
    require(Operation.UPDATE_LOTS, book.account, book.state)
    lots = order.concerned(book, now)
    if isinstance(order.change, MoveExpiry):
        return _move(order.change, lots, book, order.actor, desk, now)
    pending = [lot for lot in lots if lot.available_time > now]
    if isinstance(order.change, Activate):
        return _activate(pending, book, order.actor, desk, now)
    return _cancel(order.change.originals, pending, order.actor, desk, now)


def _move(change: MoveExpiry, lots: list[Lot], book: Book, actor: str, desk: Desk, now: datetime) -> int:
    to = change.expire_time
    if to <= now:
        raise ExpiryPassed(expire_time=to.isoformat(), record_time=now.isoformat())
    moved = [lot for lot in lots if lot.expire_time < to or (lot.expire_time > to and not change.only_extend)]
    for lot in moved:
        if to <= lot.available_time < NEVER:
            raise ExpiryBeforeAvailable(
                account=book.account.name,
                available_time=lot.available_time.isoformat(),
                expire_time=to.isoformat(),
            )
    if moved:
        desk.journal.events.append(moved_expiry(moved, to, book, actor, now))
    return sum(lot.open for lot in moved)


def _activate(pending: list[Lot], book: Book, actor: str, desk: Desk, now: datetime) -> int:
    if pending:
        before = book.debt
        moves = tuple(book.activate([lot.id for lot in pending], now))
        version = touch(book, now)
        desk.journal.events.append(
            Event(book.account, version, EventKind.LOTS_ACTIVATED, None, 0, moves, book.debt - before, actor, now)
        )
    return sum(lot.open for lot in pending)


def _members(original: Original, desk: Desk) -> list[Book]:
    accounts = {account.id for posting in original.postings for account in (posting.source, posting.destination)}
    return [desk.books[id_] for id_ in accounts if id_ in desk.books]


def _cancel(originals: Iterable[Original], pending: list[Lot], actor: str, desk: Desk, now: datetime) -> int:
    """Reverses the transactions as far as their lots are pending: one refusal leaves nothing of it in the journal."""
    records, events = len(desk.journal.records), len(desk.journal.events)
    undone = {original.id: list(desk.reversals.get(original.id, ())) for original in originals}
    amounts = {lot.posting: lot.open for lot in pending}
    at = now
    try:
        for original in originals:
            amount = sum(amounts.get(posting.id, 0) for posting in original.postings)
            if amount:
                at = max([at, *[book.record_time + _TICK for book in _members(original, desk)]])
                reverse(ReversalOrder(amount, Policy.ONLY_UNSPENT, actor, ""), original, desk, at)
    except DomainError:
        del desk.journal.records[records:], desk.journal.events[events:]
        desk.reversals.update(undone)
        raise
    return sum(amounts.values())
