"""Freezing, unfreezing and closing a member account: each is an event of the account, with its next version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.book import Book
from ledger.domain.desk import Desk
from ledger.domain.errors import AccountNotEmpty
from ledger.domain.journal import Event
from ledger.domain.model import Account, AccountState, EventKind
from ledger.domain.posting import touch
from ledger.domain.states import Operation, require

EVENTS = {
    Operation.FREEZE: EventKind.FROZEN,
    Operation.UNFREEZE: EventKind.UNFROZEN,
    Operation.CLOSE: EventKind.CLOSED,
}
"""What an operation is booked as."""

LEADS_TO = {
    EventKind.FROZEN: AccountState.FROZEN,
    EventKind.UNFROZEN: AccountState.OPEN,
    EventKind.CLOSED: AccountState.CLOSED,
}
"""The state that an event leaves."""


@dataclass(frozen=True, slots=True)
class StateOrder:
    """A change of state that is asked for."""

    account: Account
    operation: Operation
    """FREEZE, UNFREEZE or CLOSE."""
    actor: str


def change_state(order: StateOrder, book: Book, desk: Desk, now: datetime) -> None:
    """Freezes, unfreezes or closes the account.

    Raises:
        AccountFrozen, AccountNotFrozen, AccountClosed: its state does not allow that.
        AccountNotEmpty: it is to be closed, and has something or owes something.
    """
    require(order.operation, book.account, book.state)
    if order.operation is Operation.CLOSE:
        _require_empty(book)
    kind = EVENTS[order.operation]
    book.state = LEADS_TO[kind]
    version = touch(book, now)
    desk.journal.events.append(Event(book.account, version, kind, None, 0, (), 0, order.actor, now))


def states_after(events: Iterable[Event]) -> dict[int, AccountState]:
    """The states that events in their order leave, by account: of those accounts whose state they change."""
    return {event.account.id: LEADS_TO[event.kind] for event in events if event.kind in LEADS_TO}


def _require_empty(book: Book) -> None:
    # Open lots sum to posted and debt: with neither there is no open lot, and so nothing held or pending.
    if book.posted or book.debt:
        raise AccountNotEmpty(
            account=book.account.name, posted=book.posted, held=book.held, pending=book.pending, debt=book.debt
        )
