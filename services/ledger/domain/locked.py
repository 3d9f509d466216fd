"""Points that are there and may not go one way: those of a purchase that can still come back are spent on goods, but do
not become cash. The caller says with a posting or a hold how many they are; what is locked at all is not the ledger's
to know.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.domain.book import Book
from ledger.domain.errors import BalanceChanged, PointsLocked
from ledger.domain.model import Kind


class Locked(NamedTuple):
    """How many of an account's points a debit has to leave available, as was found at a version of the account."""

    amount: int
    version: int | None
    """None: whatever the version is."""


LOCKABLE = frozenset({Kind.SPEND, Kind.EXCHANGE, Kind.TRANSFER, Kind.RECOGNITION})
"""The kinds whose debits may have to leave something: what people do with their points."""


def require_unlocked(book: Book, amount: int, locked: Locked) -> None:
    """Raises unless `amount` can be taken of what is available and not locked.

    Raises:
        InsufficientPoints: less than `amount` is available, locked or not.
        BalanceChanged: the account is not at the version at which it was found how many are locked.
        PointsLocked: too many of those that are available are locked.
    """
    book.require(amount)
    if locked.version not in (None, book.version):
        raise BalanceChanged(account=book.account.name, version=book.version, seen=locked.version)
    if amount > book.available - locked.amount:
        raise PointsLocked(book.account.name, amount, book.available, locked.amount)
