"""Points that purchases gave and that can still come back: they are spent on goods, but do not become cash.

What is locked is a number, not particular points: so many have to be left of what can be spent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Part(NamedTuple):
    """Points that are available together; at once for None."""

    points: int
    available_time: datetime | None


class Given(NamedTuple):
    """What a purchase gave, or an award for a count that was reached with it."""

    points: int
    """Less what returns took."""
    parts: tuple[Part, ...]
    """As it was given, without what waits for somebody's word."""
    unlock_time: datetime
    """When the goods cannot come back any more."""


class LockedPoints(NamedTuple):
    """How many points are locked, and what that was found for."""

    points: int = 0
    account_version: int | None = None
    """The version of the account in the ledger; None where it is the same for any."""
    valid_until: datetime | None = None
    """When the clock makes points available that are locked then; None where none are pending."""
    next_unlock_time: datetime | None = None
    """When the next of them are free; None where none are locked."""


NOTHING = LockedPoints()


def locked(given: Iterable[Given], account_version: int, now: datetime) -> LockedPoints:
    """How many points are locked at `now`, of an account that is at a version.

    Of a purchase of which something came back at most what is left counts: returns take of what is pending as well.
    Points that have expired count as well: activity may have kept them, and a reversal may bring them back.
    """
    points = 0
    unlocks: list[datetime] = []
    matures: list[datetime] = []
    for one in given:
        if one.points <= 0 or one.unlock_time <= now:
            continue
        here = min(one.points, sum(part.points for part in one.parts if not _pending(part, now)))
        if here:
            points += here
            unlocks.append(one.unlock_time)
        waiting = [part.available_time for part in one.parts if part.available_time is not None and _pending(part, now)]
        matures += [time for time in waiting if time < one.unlock_time]
    return LockedPoints(points, account_version, min(matures, default=None), min(unlocks, default=None))


def _pending(part: Part, now: datetime) -> bool:
    return part.available_time is not None and now < part.available_time
