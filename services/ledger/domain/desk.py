"""What a batch has before it when it decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ledger.domain.book import Book, Move
from ledger.domain.journal import Journal, Record
from ledger.domain.limits import Slices, draw
from ledger.domain.model import Account, Program
from ledger.domain.policies import Policies

if TYPE_CHECKING:
    from ledger.domain.adjustments import Adjustment


class SystemAccounts(Protocol):
    """Finds the accounts that expired points go to."""

    def breakage(self, program: Program, unit: int) -> Account:
        """The BREAKAGE account of a unit."""
        ...

    def by_id(self, program: Program, account: int) -> Account:
        """A system account of the program by its id."""
        ...


@dataclass(frozen=True, slots=True)
class Undone:
    """What an earlier reversal undid of one posting."""

    source: int
    """The account that got it back."""
    amount: int
    moves: tuple[Move, ...]
    """What it did to lots: those put back have a positive change."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The locked books, what was reversed before, the journal to write into, and the ids to use."""

    books: Mapping[int, Book]
    """The member accounts that are locked, by id."""
    ids: Callable[[int], int]
    """Takes so many consecutive ids and answers the first."""
    system: SystemAccounts
    reversals: dict[int, list[Undone]] = field(default_factory=dict)
    """By the transaction that was undone: what was undone before, also by this batch."""
    close_times: Mapping[int, datetime] = field(default_factory=dict)
    """Up to when the books are closed, by the number of the program; those that are open are not there."""
    policies: dict[int, Policies] = field(default_factory=dict)
    """By the number of the program: of those that something in the batch consults."""
    adjustments: dict[int, Adjustment] = field(default_factory=dict)
    """Those that are to be approved, by id: locked, and as they are now."""
    journal: Journal = field(default_factory=Journal)
    slices: Slices = field(default_factory=dict)
    """What is left of each account that may be limited and that the batch may move points of."""

    def book(self, record: Record) -> None:
        """Puts a transaction into the journal. Raises BudgetExhausted."""
        if self.slices:
            draw(self.slices, record)
        self.journal.records.append(record)
