"""What is shown of what was counted: places on leaderboards, and shares of those who took part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from guerdon_kit.errors import InvalidField
from recognition.domain.months import Month, month_named
from recognition.domain.tallies import Measure

MONTHS_MAX = 24
_MICROSECOND = timedelta(microseconds=1)
FIRST_AMOUNT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see of an organisation's figures: `everything`, or what is public; and of whom: of those who
    report to `under`, near or far, or of all where that is None.
    """

    everything: bool = False
    under: str | None = None


PUBLIC = Sight()


@dataclass(frozen=True, slots=True)
class Board:
    """Which leaderboard: by `measure`, of the months from `first` to `last`, and if set only for `value` and of the
    team `team`; of teams instead of people where `by_team` is set.
    """

    organisation: str
    measure: Measure
    first: Month
    last: Month
    value: str
    team: str | None
    by_team: bool
    sight: Sight


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody, or a team, has come to: `holder` is the id."""

    holder: str
    display_name: str
    amount: int
    count: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a leaderboard begins: after so many places, the last of which had this rank, amount and
    holder.
    """

    places: int
    rank: int
    amount: int
    holder: str


TOP = Position(0, 0, FIRST_AMOUNT, "")


@dataclass(frozen=True, slots=True)
class Place:
    """A place on a leaderboard. Equal amounts have equal ranks, and the next rank counts all before it: 1, 2, 2, 4."""

    rank: int
    standing: Standing


def placed(standings: Sequence[Standing], after: Position) -> tuple[list[Place], Position]:
    """The places of what follows `after` on a leaderboard, most first; and where the next page begins."""
    places, position = [], after
    for standing in standings:
        tied = position.places > 0 and standing.amount == position.amount
        rank = position.rank if tied else position.places + 1
        position = Position(position.places + 1, rank, standing.amount, standing.holder)
        places.append(Place(rank, standing))
    return places, position


@dataclass(frozen=True, slots=True)
class Participants:
    """How many people took part in one way, and what that came to."""

    people: int = 0
    amount: int = 0
    count: int = 0

    def share(self, active: int) -> Fraction:
        """Of those who were active; 0 of nobody."""
        return Fraction(self.people, active) if active else Fraction(0)


@dataclass(frozen=True, slots=True)
class Participation:
    """Of a month: how many people were active at any point in it, and who of them did what."""

    active: int
    given: Participants
    added: Participants
    received: Participants


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was given in a month so far, and which part of it has passed."""

    given: int
    added: int
    elapsed: Fraction

    @property
    def amount(self) -> int:
        """What both come to at the month's end if they go on as they did, to the nearest point, a half up."""
        if not self.elapsed:
            return 0
        return int(((self.given + self.added) / self.elapsed + Fraction(1, 2)) // 1)


def elapsed(month: Month, now: datetime) -> Fraction:
    """The part of a month that has passed, to the microsecond."""
    passed = min(max(now, month.start_time), month.end_time) - month.start_time
    whole = month.end_time - month.start_time
    return Fraction(passed // _MICROSECOND, whole // _MICROSECOND)


def months(first: str, last: str, zone: str) -> tuple[Month, Month]:
    """The months of a range as callers write it; the last one may be left out.

    Raises:
        InvalidField: one of them is none, the last is before the first, or they are too many.
    """
    start = month_named(first, zone, "first_period")
    end = month_named(last, zone, "last_period") if last else start
    between = _number(end.first_day) - _number(start.first_day)
    if not 0 <= between < MONTHS_MAX:
        raise InvalidField.of("last_period", "must be 0 to 23 months after first_period")
    return start, end


def _number(first_day: date) -> int:
    return first_day.year * 12 + first_day.month
