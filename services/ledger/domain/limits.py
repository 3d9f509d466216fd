"""Credit limits: how far the balance of a system account may go below zero. See docs/adr/0010."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ledger.domain.errors import BalanceOverflow, BudgetExhausted
from ledger.domain.journal import Record
from ledger.domain.model import BALANCE_MAX, Account


class Slice(NamedTuple):
    """What the credit limit of a locked account leaves."""

    account: Account
    credit_limit: int
    available: int
    """The credit limit plus the balance: below zero where the limit was lowered below what had gone out."""


Slices = dict[int, Slice | None]
"""By account: None is an account that was looked at, and has no limit."""


@dataclass(frozen=True, slots=True)
class CreditLimitChange:
    """A credit limit that was set, or taken away, as it is stored: `credit_limit` and `available` are None then."""

    number: int
    credit_limit: int | None
    available: int | None
    actor: str
    reason: str
    record_time: datetime


def draw(slices: Slices, record: Record) -> None:
    """Moves what is left of limited accounts by a transaction as a whole; they were all looked at.

    Raises:
        BudgetExhausted: it takes more out of one than is left. Nothing is moved then.
    """
    changes: dict[int, int] = {}
    for entry in record.entries:
        for account, amount in ((entry.source, -entry.amount), (entry.destination, entry.amount)):
            if account.limitable:
                changes[account.id] = changes.get(account.id, 0) + amount
    moved: Slices = {}
    for account_id, change in changes.items():
        left = slices[account_id]
        if left is None:
            continue
        available = left.available + change
        if change < 0 and available < 0:
            raise BudgetExhausted(left.account.name, left.credit_limit, -change, left.available)
        moved[account_id] = left._replace(available=available)
    slices.update(moved)


def left_by(account: Account, credit_limit: int, posted: int) -> int:
    """What a limit leaves of an account with the balance `posted`. Raises BalanceOverflow beyond int64."""
    available = credit_limit + posted
    if abs(available) > BALANCE_MAX:
        raise BalanceOverflow(account.name, BALANCE_MAX)
    return available
