"""Years and months as a program's time zone has them."""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import FieldViolation

FIRST_YEAR = 1969
"""The first whole second of 1970 UTC still lies in 1969 west of Greenwich."""
LAST_YEAR = 2200
LEAP_YEAR = 2000
EXPIRY_MONTHS_MAX = 1200


@lru_cache(maxsize=64)
def _year_starts(time_zone: str) -> tuple[int, ...]:
    zone = ZoneInfo(time_zone)
    return tuple(int(datetime(year, 1, 1, tzinfo=zone).timestamp()) for year in range(FIRST_YEAR + 1, LAST_YEAR + 1))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendar of one zone. Years begin at whole seconds everywhere, so seconds decide."""

    time_zone: str

    def year_of(self, epoch_s: int) -> int:
        """The calendar year that a moment lies in, given in whole seconds since 1970."""
        return FIRST_YEAR + bisect_right(_year_starts(self.time_zone), epoch_s)

    def year_at(self, time: datetime) -> int:
        """The calendar year that `time` lies in."""
        return self.year_of(int(time.timestamp() // 1))

    def day_at(self, time: datetime) -> int:
        """The local date that `time` lies in, as an ordinal."""
        return time.astimezone(ZoneInfo(self.time_zone)).toordinal()

    def start_of_day(self, day: int) -> datetime:
        """The first instant of a local date, given as an ordinal, in UTC."""
        return first_instant(date.fromordinal(day), ZoneInfo(self.time_zone))

    def start_of_year(self, year: int) -> datetime:
        """The first instant of a year, in UTC."""
        return datetime(year, 1, 1, tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)


class PeriodEnd(IntEnum):
    """What an expiry is moved on to the end of, by its months. The values are stored."""

    MONTH = 1
    QUARTER = 3
    HALF_YEAR = 6
    YEAR = 12


class ExpiryKind(IntEnum):
    """What an expiry goes by. The values are stored."""

    FIXED_PERIOD = 1
    """The time from earning."""
    CALENDAR_DATE = 2
    """The end of a day of the year, the first that is `months` or more from earning."""
    SLIDING = 3
    """The time from the member's latest activity."""


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """When points expire: `months` after they were earned, clamped to the month's last day (31 January and a month is
    28 or 29 February); with `rounded_to` at the end of that month, quarter, half or year, which is the first instant of
    the next.
    """

    months: int
    rounded_to: PeriodEnd | None = None
    kind: ExpiryKind = ExpiryKind.FIXED_PERIOD
    month_day: tuple[int, int] | None = None
    """Month and day, of a CALENDAR_DATE; 29 February is the 28th in other years."""

    def violations(self, path: str, *, of_program: bool = False) -> Iterator[FieldViolation]:
        """The bounds that are not kept, by the contract's fields under `path`."""
        if self.kind is ExpiryKind.SLIDING and not of_program:
            yield FieldViolation(f"{path}.kind", "must not be KIND_SLIDING, which is a program's for all of its points")
        dated = self.kind is ExpiryKind.CALENDAR_DATE
        if not (0 if dated else 1) <= self.months <= EXPIRY_MONTHS_MAX:
            yield FieldViolation(f"{path}.months", f"must be between {0 if dated else 1} and 1200")
        if dated != (self.month_day is not None):
            yield FieldViolation(f"{path}.calendar_month", "must be given for KIND_CALENDAR_DATE, and for nothing else")
        if dated and self.rounded_to is not None:
            yield FieldViolation(f"{path}.rounded_to", "must not be given for KIND_CALENDAR_DATE")
        if self.month_day is not None:
            month, day = self.month_day
            if not 1 <= month <= 12:
                yield FieldViolation(f"{path}.calendar_month", "must be between 1 and 12")
            elif not 1 <= day <= _days_in(LEAP_YEAR, month):
                yield FieldViolation(f"{path}.calendar_day", "must be a day of the month")

    def expire_time(self, earned: datetime, time_zone: str) -> datetime:
        """When points earned at `earned` expire, in UTC. The local time of day is kept where nothing is rounded."""
        zone = ZoneInfo(time_zone)
        local = earned.astimezone(zone)
        if self.month_day is not None:
            last = _next_day(plus_months(local.date(), self.months), *self.month_day)
            return first_instant(last + timedelta(days=1), zone)
        month0 = local.year * 12 + local.month - 1 + self.months
        if self.rounded_to is not None:
            following = (month0 // self.rounded_to + 1) * self.rounded_to
            return datetime(following // 12, following % 12 + 1, 1, tzinfo=zone).astimezone(UTC)
        year, month = month0 // 12, month0 % 12 + 1
        return local.replace(year=year, month=month, day=min(local.day, _days_in(year, month))).astimezone(UTC)


def plus_months(day: date, months: int) -> date:
    """The same day of a later month, or of an earlier one, clamped to its last."""
    month0 = day.year * 12 + day.month - 1 + months
    year, month = month0 // 12, month0 % 12 + 1
    return date(year, month, min(day.day, _days_in(year, month)))


def _next_day(from_: date, month: int, day: int) -> date:
    """The first day of that month and number not before `from_`."""
    this = date(from_.year, month, min(day, _days_in(from_.year, month)))
    return this if this >= from_ else date(from_.year + 1, month, min(day, _days_in(from_.year + 1, month)))


def _days_in(year: int, month: int) -> int:
    return monthrange(year, month)[1]
