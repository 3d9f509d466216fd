"""Purchases and returns, their states, and the rating of many purchases at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from membership.domain.earning import Award
from membership.domain.levels import Levels
from membership.domain.program import Program

EFFECTIVE_TIME_MARGIN = timedelta(minutes=1)
"""An event younger than this is booked as of its recording: the ledger's clock may be behind ours, and it
takes no event of its future."""


class State(IntEnum):
    """How far a purchase, a return or an enrolment has come. The values are stored."""

    PENDING = 1
    POSTED = 2
    LAPSED = 3
    """The points had expired before they reached the ledger."""


class Spot(NamedTuple):
    """Where it stands what became of a purchase: the delivery that brings it to the ledger, and its place there."""

    delivery_no: int
    place: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase as stored; amounts in minor units of the program's currency."""

    purchase_id: str
    member_id: str
    event_time: datetime
    record_time: datetime
    amount: int
    level: int
    """The tier level whose terms are frozen with it."""
    award: Award
    expire_time: datetime | None
    state: State
    transaction: str
    """The ledger's name of the award; empty until posted, and where there was nothing to post."""
    spot: Spot | None
    """None where there was nothing to post."""
    returned_amount: int
    returned_points: int


@dataclass(frozen=True, slots=True)
class GoodsReturn:
    """A return as stored; `cumulative_*` count it and all returns of its purchase before it."""

    return_id: str
    purchase_id: str
    event_time: datetime
    record_time: datetime
    amount: int
    points: int
    cumulative_amount: int
    cumulative_points: int
    state: State
    reversed_points: int


class Entry(NamedTuple):
    """A purchase to be rated. Sorts by event time, then by its place among the rows."""

    event_us: int
    place: int
    member_no: int
    amount: int


class Rated(NamedTuple):
    """An entry with what it earned, by the terms of `level`; `level_after` is the level that it led to."""

    entry: Entry
    level: int
    base_points: int
    tier_points: int
    level_after: int


def rate(
    program: Program, entries: Iterable[Entry], points: dict[tuple[int, int], int], levels: Levels | None = None
) -> list[Rated]:
    """Rates purchases in the order of their event times, ties in the order of their places.

    `points` has what each (member_no, year) earned before, and must hold the years before those of the entries where
    something was earned in them; it is brought forward. An upgrade works from the member's next purchase on. `levels`
    are those of a program whose years do not tell them: what comes of these purchases is told by whoever turns days.
    """
    tiers, terms, calendar = program.tier_set, program.terms, program.calendar
    rated = []
    for entry in sorted(entries):
        year = calendar.year_of(entry.event_us // 1_000_000)
        key = (entry.member_no, year)
        earned, before = points.get(key, 0), points.get((entry.member_no, year - 1), 0)
        level = tiers.level(earned, before) if levels is None else levels.level(entry.member_no, entry.event_us)
        base, extra = terms[level].points(entry.amount)
        earned += base + extra
        points[key] = earned
        if levels is not None:
            levels.add(entry.member_no, entry.event_us, base + extra, entry.amount)
        level_after = tiers.level(earned, before) if levels is None else level
        rated.append(Rated(entry, level, base, extra, level_after))
    return rated


def effective_time(event_time: datetime, record_time: datetime) -> datetime | None:
    """The time the ledger is told; None for that of its own recording.

    It depends on stored facts alone, so that asking the ledger again is asking the same.
    """
    return event_time if event_time <= record_time - EFFECTIVE_TIME_MARGIN else None
