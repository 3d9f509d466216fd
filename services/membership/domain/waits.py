"""Points that wait for an event of their purchase: until it is told, or until the longest wait is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, auto
from typing import NamedTuple

from membership.domain.flags import FlagState
from membership.domain.tranches import Wait


class WaitState(IntEnum):
    """What becomes of points that wait. The values are stored, and are the contract's."""

    WAITING = 1
    TOLD = 2
    """Their event was told, so they can be spent."""
    RELEASED = 3
    """The longest wait was over, and they can be spent all the same."""
    TAKEN_BACK = 4
    """It was over, and they were taken back."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A credit of a purchase that waits, or did; its place is that among the tranches of the award, 0 for the own."""

    place: int
    wait: Wait
    state: WaitState = WaitState.WAITING
    end_time: datetime | None = None


class Told(NamedTuple):
    """An event of a purchase, as it was told."""

    event: str
    event_time: datetime


class PurchaseEvent(NamedTuple):
    """An event of a purchase, under an id of its own in its program."""

    event_id: str
    purchase_id: str
    event: str
    event_time: datetime


class Deed(Enum):
    """What the ledger is asked to do with a credit."""

    ACTIVATE = auto()
    TAKE_BACK = auto()


def outcome(wait: Wait, told: Iterable[Told], now: datetime) -> WaitState:
    """What becomes of points that wait: an event counts that happened before the longest wait was over, if it is told
    before that is found to be.
    """
    if wait.event and any(one.event == wait.event and one.event_time <= wait.until for one in told):
        return WaitState.TOLD
    if now < wait.until:
        return WaitState.WAITING
    return WaitState.RELEASED if wait.released else WaitState.TAKEN_BACK


def deeds(flag: FlagState | None, awaited: Iterable[Awaited], credits_: int) -> dict[int, Deed]:
    """What the ledger is to do with the credits of an award, by their places: all that is decided by now. What waits
    both for an event and for somebody who releases it becomes available when neither is missing.
    """
    states = {one.place: one.state for one in awaited}
    found: dict[int, Deed] = {}
    for place in range(credits_):
        state = states.get(place)
        if flag is FlagState.REJECTED or state is WaitState.TAKEN_BACK:
            found[place] = Deed.TAKE_BACK
        elif flag is FlagState.HELD or state is WaitState.WAITING:
            continue
        elif state is not None or flag is FlagState.RELEASED:
            found[place] = Deed.ACTIVATE
    return found


def lost_places(awaited: Iterable[Awaited]) -> frozenset[int]:
    """The places of credits that were taken back because their event was not told."""
    return frozenset(one.place for one in awaited if one.state is WaitState.TAKEN_BACK)


def lost(points: Sequence[int], taken: Sequence[int], places: Iterable[int], left: int) -> dict[int, int]:
    """What is lost with credits of so many `points`, by their places, where so much was `taken` of each before; at most
    what is `left` of the whole award.
    """
    found: dict[int, int] = {}
    for place in sorted(places):
        found[place] = max(0, min(points[place] - taken[place], left))
        left -= found[place]
    return found
