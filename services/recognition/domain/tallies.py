"""What counts: who gave and received how much in each month, by value, in public and in all.

Points count in the month (of the organisation's zone) in which their recognition was made, and as seen as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import NamedTuple

from recognition.domain.gifts import GiftKind, Movement
from recognition.domain.periods import PeriodKind, day_at
from recognition.domain.recognitions import Visibility

ANY_VALUE = ""
"""Of the cells that count a recognition whatever it is for."""


class Measure(Enum):
    """What is counted. Stored by value."""

    GIVEN = "given"
    """Recognitions, one for each receiver, and their points, by who made them."""
    ADDED = "added"
    """Add-ons, one for each receiver, and their points, by who made them."""
    RECEIVED = "received"
    """Recognitions, and the points that came with them and with their add-ons, by who received them."""


class Cell(NamedTuple):
    """Where something is counted."""

    period: date
    """The month's first day."""
    measure: str
    value: str
    """One of the recognition's values, or ANY_VALUE."""
    public: bool
    """Whether everybody sees it: what is private or a team's is counted apart, for managers only."""
    person: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted in a cell: points, and how often."""

    amount: int
    count: int


_NOTHING = Figures(0, 0)


def tallied(movements: Iterable[Movement], zone: str) -> dict[Cell, Figures]:
    """What these movements count for, in months of `zone` (an IANA name), cells without any change left out."""
    cells: dict[Cell, Figures] = {}
    for moved in movements:
        period = PeriodKind.MONTH.first_day(day_at(moved.give_time, zone))
        public = moved.visibility is Visibility.PUBLIC
        for value in (ANY_VALUE, *moved.values):
            for measure, person, count in _sides(moved):
                cell = Cell(period, measure.value, value, public, person)
                had = cells.get(cell, _NOTHING)
                cells[cell] = Figures(had.amount + moved.amount, had.count + count)
    return {cell: figures for cell, figures in cells.items() if figures != _NOTHING}


def _sides(moved: Movement) -> tuple[tuple[Measure, str, int], ...]:
    """What counts for whom, and how often: an add-on makes no further recognition received."""
    if moved.kind is GiftKind.ADD_ON:
        return (Measure.ADDED, moved.giver, moved.posts), (Measure.RECEIVED, moved.receiver, 0)
    return (Measure.GIVEN, moved.giver, moved.posts), (Measure.RECEIVED, moved.receiver, moved.posts)
