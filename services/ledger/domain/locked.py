"""Points that are there and may not go one way: those of a purchase that can still come back are spent on goods, but do
not become cash. The caller says with a posting or a hold how many they are; what is locked at all is not the ledger's
to know.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ledger.domain.book import Book
from ledger.domain.errors import BalanceChanged, PointsLocked
from ledger.domain.model import NEVER, Kind


class Locked(NamedTuple):
    """How many of an account's points a debit has to leave available, as was found at a version of the account."""

    amount: int
    version: int | None
    """None: whatever the version is."""
    valid_until: datetime = NEVER
    """When some of what is pending becomes available that is locked as well."""


LOCKABLE = frozenset({Kind.SPEND, Kind.EXCHANGE, Kind.TRANSFER, Kind.RECOGNITION})
"""The kinds whose debits may have to leave something: what people do with their points."""


def require_unlocked(book: Book, amount: int, locked: Locked, now: datetime) -> None:
    """Raises unless `amount` can be taken at `now` of what is available and not locked.

    Raises:
        InsufficientPoints: less than `amount` is available, locked or not.
        BalanceChanged: how many are locked was found at another version of the account, or for a time that is over.
        PointsLocked: too many of those that are available are locked.
    """
    book.require(amount)
    if locked.version is not None and (locked.version != book.version or now >= locked.valid_until):
        raise BalanceChanged(account=book.account.name, version=book.version, seen=locked.version)
    if amount > book.available - locked.amount:
        raise PointsLocked(book.account.name, amount, book.available, locked.amount)
