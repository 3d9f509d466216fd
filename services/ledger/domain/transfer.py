"""Transfer and merge: points that go from one member to another and stay what they are.

A transfer is a gift: it moves what can be spent. A merge makes one account of two, posting by posting: it moves what
can be spent, or what is pending, or a debt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import groupby

from ledger.domain.book import Book, Move
from ledger.domain.errors import TooManyLots
from ledger.domain.model import MOVED_LOTS_MAX, Account, Lot


def moved_lots(
    taken: Iterable[Move],
    lots: Mapping[int, Lot],
    source: Account,
    posting: int,
    ids: Callable[[int], int],
    now: datetime,
) -> list[Lot]:
    """The lots that a posting of a transfer or a merge makes of the parts it has `taken` from the source's lots.

    Each keeps its expiry, the budget that funded it and, while it is pending, from when on it can be spent; their order
    is that of consumption. Neighbours that agree in all of it are one lot: the receiver has had them since the same
    moment, so that no rule could tell them apart.

    Raises:
        TooManyLots: they would be more than `MOVED_LOTS_MAX`.
    """

    def what(move: Move) -> tuple[datetime, datetime, int | None]:
        lot = lots[move[0]]
        return lot.expire_time, max(lot.available_time, now), lot.budget

    neighbours = groupby(taken, key=what)
    parts = [(origin, -sum(delta for _, delta in moves)) for origin, moves in neighbours]
    if len(parts) > MOVED_LOTS_MAX:
        requested = sum(amount for _, amount in parts)
        movable = sum(amount for _, amount in parts[:MOVED_LOTS_MAX])
        raise TooManyLots(account=source.name, lots_max=MOVED_LOTS_MAX, movable=movable, requested=requested)
    first = ids(len(parts))
    return [
        Lot(first + number, posting, amount, amount, 0, 0, expire_time, available_time, now, budget)
        for number, ((expire_time, available_time, budget), amount) in enumerate(parts)
    ]


def hand_over(source: Book, destination: Book, amount: int, now: datetime, *, pending: bool) -> list[Move]:
    """Takes what a posting of a merge moves off the source's lots; answers the moves. What these do not sum to is debt
    that the source has taken over: only as far as the destination owes all of `amount`, and is paid by it.

    Raises:
        InsufficientPoints: less can be spent, or is pending, and the destination does not owe as much.
    """
    if pending:
        return source.debit_pending(amount, now)
    if source.available < amount <= destination.debt:
        return source.claw_back(amount, (), amount, now)
    return source.debit(amount, now)


def made_lots(posting: int, moves: Iterable[Move]) -> tuple[int, ...]:
    """The lots that a stored credit made: those that it names with a change of 0, else the one of its own id."""
    return tuple(lot for lot, delta in moves if delta == 0) or (posting,)
