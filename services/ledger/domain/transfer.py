"""Transfer: points that go from one member to another and stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import groupby

from ledger.domain.book import Move
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
    """The lots that a posting of a transfer makes of the parts it has `taken` from the source's lots.

    Each keeps its expiry and the budget that funded it, and their order is that of consumption. Neighbours that agree
    in both are one lot: the receiver has had them since the same moment, so that no rule could tell them apart.

    Raises:
        TooManyLots: they would be more than `MOVED_LOTS_MAX`.
    """
    neighbours = groupby(taken, key=lambda move: (lots[move[0]].expire_time, lots[move[0]].budget))
    parts = [(origin, -sum(delta for _, delta in moves)) for origin, moves in neighbours]
    if len(parts) > MOVED_LOTS_MAX:
        requested = sum(amount for _, amount in parts)
        movable = sum(amount for _, amount in parts[:MOVED_LOTS_MAX])
        raise TooManyLots(account=source.name, lots_max=MOVED_LOTS_MAX, movable=movable, requested=requested)
    first = ids(len(parts))
    return [
        Lot(first + number, posting, amount, amount, 0, 0, expire_time, now, now, budget)
        for number, ((expire_time, budget), amount) in enumerate(parts)
    ]


def made_lots(posting: int, moves: Iterable[Move]) -> tuple[int, ...]:
    """The lots that a stored credit made: those that it names with a change of 0, else the one of its own id."""
    return tuple(lot for lot, delta in moves if delta == 0) or (posting,)
