"""Calendar months of an organisation's zone, as callers name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import InvalidField

_NAME = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    """A month of one zone, from its first instant up to that of the next; instants are UTC."""

    first_day: date
    start_time: datetime
    end_time: datetime

    @property
    def name(self) -> str:
        """How callers write it, such as `2026-11`."""
        return f"{self.first_day:%Y-%m}"


def month_named(name: str, zone: str, field: str) -> Month:
    """The month of that name in `zone` (an IANA name).

    Raises:
        InvalidField: it is none.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise InvalidField.of(field, "must be a month such as 2026-11")
    return month_from(date(int(found[1]), int(found[2]), 1), zone)


def month_from(first_day: date, zone: str) -> Month:
    """The month that begins on that day."""
    tz = ZoneInfo(zone)
    return Month(first_day, first_instant(first_day, tz), first_instant(_next(first_day), tz))


def months_from(first: Month, last: Month, zone: str) -> list[Month]:
    """The months from one to another, both included."""
    found = [first]
    while found[-1].first_day < last.first_day:
        found.append(month_from(_next(found[-1].first_day), zone))
    return found


def _next(first_day: date) -> date:
    return (first_day + timedelta(days=31)).replace(day=1)
