"""Periods of an organisation's zone: weeks, months and quarters, and when one begins and ends, to the instant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant, time_zones
from guerdon_kit.errors import InvalidField

_DAY = timedelta(days=1)
_NAMES = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2]|W(0[1-9]|[1-4][0-9]|5[0-3])|Q[1-4])")


class PeriodKind(Enum):
    """How long a period is. Stored by value."""

    WEEK = "week"
    """Monday to Sunday (ISO 8601)."""
    MONTH = "month"
    QUARTER = "quarter"
    """Three months, the first from January on."""

    def first_day(self, day: date) -> date:
        """The day on which the calendar's period of this kind begins in which `day` lies."""
        match self:
            case PeriodKind.WEEK:
                return day - timedelta(days=day.weekday())
            case PeriodKind.MONTH:
                return day.replace(day=1)
            case PeriodKind.QUARTER:
                return date(day.year, day.month - (day.month - 1) % 3, 1)

    def next_first_day(self, day: date) -> date:
        """The day on which the calendar's next period begins, after the one in which `day` lies."""
        longest = {PeriodKind.WEEK: 7, PeriodKind.MONTH: 31, PeriodKind.QUARTER: 92}[self]
        # The longest period after the first day of one lies the beginning of the next, or a few days more.
        return self.first_day(self.first_day(day) + longest * _DAY)

    def name_of(self, day: date) -> str:
        """What the period of `day` is called: `2026-W47`, `2026-11` or `2026-Q4`."""
        match self:
            case PeriodKind.WEEK:
                year, week, _ = day.isocalendar()
                return f"{year:04}-W{week:02}"
            case PeriodKind.MONTH:
                return f"{day:%Y-%m}"
            case PeriodKind.QUARTER:
                return f"{day.year:04}-Q{(day.month + 2) // 3}"

    def outlasts(self, other: PeriodKind) -> bool:
        """Whether its periods are longer than those of `other`."""
        order = list(PeriodKind)
        return order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True)
class Period:
    """A period of one zone, from its first instant up to that of `next_day`; instants are UTC. It is shorter than the
    calendar's where a plan begins or ends within that.
    """

    kind: PeriodKind
    first_day: date
    next_day: date
    start_time: datetime
    end_time: datetime

    @property
    def name(self) -> str:
        """How callers write it, such as `2026-11`."""
        return self.kind.name_of(self.first_day)


def period(kind: PeriodKind, first_day: date, next_day: date, zone: str) -> Period:
    """The period from the first instant of one day to that of the other, in `zone` (an IANA name)."""
    tz = ZoneInfo(zone)
    return Period(kind, first_day, next_day, first_instant(first_day, tz), first_instant(next_day, tz))


def calendar_period(kind: PeriodKind, day: date, zone: str) -> Period:
    """The calendar's period in which `day` lies."""
    return period(kind, kind.first_day(day), kind.next_first_day(day), zone)


def day_at(instant: datetime, zone: str) -> date:
    """The day in which `instant` (aware) lies in `zone`.

    A day that has begun stays begun: where clocks go back over the midnight that began it (St John's in November
    2009), the minutes that come again are the new day's, though the wall shows the old one.
    """
    tz = ZoneInfo(zone)
    day = instant.astimezone(tz).date()
    return day if instant < first_instant(day + _DAY, tz) else day + _DAY


def check_period(name: str, field: str) -> str:
    """`name`, if it is one of a period.

    Raises:
        InvalidField: it is not.
    """
    if _NAMES.fullmatch(name) is None:
        raise InvalidField.of(field, "must be a period such as 2026-11, 2026-W47 or 2026-Q4")
    return name


def month_named(name: str, zone: str, field: str) -> Period:
    """The month of that name, such as `2026-11`.

    Raises:
        InvalidField: it is no month's name.
    """
    check_period(name, field)
    if "Q" in name or "W" in name or not 2000 <= int(name[:4]) < 9999:
        raise InvalidField.of(field, "must be a month such as 2026-11")
    return calendar_period(PeriodKind.MONTH, date.fromisoformat(f"{name}-01"), zone)


def check_zone(zone: str, field: str) -> str:
    """`zone`, if it is the IANA name of a time zone.

    Raises:
        InvalidField: it is not. Names that only this machine knows (`localtime`) are none.
    """
    if zone not in time_zones():
        raise InvalidField.of(field, "must be the IANA name of a time zone, such as Europe/London")
    return zone
