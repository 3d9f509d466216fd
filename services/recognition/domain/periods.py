"""Months of an organisation's zone: when one begins and ends, to the instant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from guerdon_kit.days import first_instant
from guerdon_kit.errors import InvalidField

_PERIOD = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of one zone, from its first instant up to that of the next; instants are UTC."""

    first_day: date
    start_time: datetime
    end_time: datetime

    @property
    def period(self) -> str:
        """How callers write it, such as `2026-11`."""
        return f"{self.first_day:%Y-%m}"


def month_at(instant: datetime, zone: str) -> Month:
    """The month in which `instant` (aware) lies in `zone` (an IANA name).

    A month that has begun stays begun: where clocks go back over the midnight that began it (St John's in November
    2009), the minutes that come again are the new month's, though the wall shows the old one.
    """
    tz = ZoneInfo(zone)
    month = _month_from(instant.astimezone(tz).date().replace(day=1), tz)
    return month if instant < month.end_time else _month_from(_next_month(month.first_day), tz)


def _month_from(first_day: date, tz: ZoneInfo) -> Month:
    return Month(first_day, first_instant(first_day, tz), first_instant(_next_month(first_day), tz))


def _next_month(first_day: date) -> date:
    return (first_day + timedelta(days=31)).replace(day=1)


def check_period(period: str, field: str) -> str:
    """`period`, if it is a month such as `2026-11`.

    Raises:
        InvalidField: it is not.
    """
    if _PERIOD.fullmatch(period) is None:
        raise InvalidField.of(field, "must be a month such as 2026-11")
    return period


def check_zone(zone: str, field: str) -> str:
    """`zone`, if it is the IANA name of a time zone.

    Raises:
        InvalidField: it is not. Names that only this machine knows (`localtime`) are none.
    """
    if zone not in _zones():
        raise InvalidField.of(field, "must be the IANA name of a time zone, such as Europe/London")
    return zone


@cache
def _zones() -> frozenset[str]:
    """Kept, because finding them reads hundreds of files."""
    return frozenset(available_timezones()) - {"Factory", "localtime"}
