"""How often a reward may be redeemed, and the periods that a limit counts in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant

MAX_PER_ACCOUNT = 1_000_000
MAX_IN_ALL = 1_000_000_000


class Period(StrEnum):
    """A stretch of time that begins and ends with days of the program's time zone; weeks begin on Monday."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many redemptions that did not fail and were not cancelled there may be; 0 means no limit.

    `per_period` is of one account in each `period`, which is None exactly where it is 0.
    """

    per_account: int = 0
    per_period: int = 0
    period: Period | None = None
    in_all: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """From `start_time` up to `end_time`, this moment excluded."""

    start_time: datetime
    end_time: datetime


def span_of(period: Period, time: datetime, time_zone: str) -> Span:
    """The day, week or month of the zone (an IANA name) in which `time` lies; instants are UTC.

    One that has begun stays begun: where clocks go back over the midnight that began it, the minutes that come again
    are its own, though the wall shows the day before.
    """
    zone = ZoneInfo(time_zone)
    first = _first_day(period, time.astimezone(zone).date())
    after = _next(period, first)
    if time >= first_instant(after, zone):
        first, after = after, _next(period, after)
    return Span(first_instant(first, zone), first_instant(after, zone))


def _first_day(period: Period, day: date) -> date:
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def _next(period: Period, first: date) -> date:
    match period:
        case Period.DAY:
            return first + timedelta(days=1)
        case Period.WEEK:
            return first + timedelta(days=7)
        case Period.MONTH:
            return (first + timedelta(days=31)).replace(day=1)
