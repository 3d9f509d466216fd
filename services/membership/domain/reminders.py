"""Reminders that points expire: on a day so many days before the last one on which they can be used, in the program's
zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import FieldViolation
from membership.domain.moments import MICROSECOND

REMINDERS_MAX = 5
DAYS_MAX = 366
LOOK_MAX = timedelta(days=30)
"""How long after a look the next one comes at most, while something expires: others may have given points, too."""

Expiring = tuple[int, datetime]
"""Points, and when they expire."""


class Reminder(NamedTuple):
    """Points that expire on one day, told `days` before its last one."""

    days: int
    points: int
    expire_time: datetime
    """Of the first of them."""


def reminders(
    expiring: Iterable[Expiring], days: Sequence[int], zone: ZoneInfo, seen: date, today: date
) -> list[Reminder]:
    """What is to be told today, where what was due up to the day `seen` was told. Of several reminders of the same
    points that are due at once, as after a downtime, the last.
    """
    told = []
    for last, points, expire_time in _by_day(expiring, zone):
        due = [count for count in days if seen < last - timedelta(days=count) <= today <= last]
        if due:
            told.append(Reminder(min(due), points, expire_time))
    return told


def next_look(expiring: Iterable[Expiring], days: Sequence[int], zone: ZoneInfo, today: date) -> datetime | None:
    """When the next reminder of these points may be due after today; None where none of them expires."""
    lasts = [last for last, _, _ in _by_day(expiring, zone) if last > today]
    if not lasts:
        return None
    later = [day for last in lasts for count in days if (day := last - timedelta(days=count)) > today]
    return first_instant(min([*later, today + LOOK_MAX]), zone)


def horizon(days: Sequence[int], zone: ZoneInfo, today: date) -> datetime:
    """Up to when points expire that may have a reminder today; the first that do later tell when to look again."""
    return first_instant(today + timedelta(days=max(days, default=0) + 1), zone)


def over_day(expire_time: datetime, days: Sequence[int], zone: ZoneInfo, today: date) -> date | None:
    """The last day of a reminder for which points that are given today are too late; None where there is none."""
    last = last_day(expire_time, zone)
    over = [day for count in days if (day := last - timedelta(days=count)) <= today <= last]
    return max(over, default=None)


def last_day(expire_time: datetime, zone: ZoneInfo) -> date:
    """The last day on which points can be used."""
    return (expire_time - MICROSECOND).astimezone(zone).date()


def violations(days: Sequence[int]) -> Iterator[FieldViolation]:
    """The bounds that are not kept."""
    if len(days) > REMINDERS_MAX:
        yield FieldViolation("program.expiry_reminder_days", f"must be at most {REMINDERS_MAX}")
    if len(set(days)) < len(days) or not all(1 <= count <= DAYS_MAX for count in days):
        yield FieldViolation("program.expiry_reminder_days", f"must be different, each between 1 and {DAYS_MAX}")


def _by_day(expiring: Iterable[Expiring], zone: ZoneInfo) -> list[tuple[date, int, datetime]]:
    """The last days on which points can be used, how many these are, and when the first of them expire."""
    found: dict[date, tuple[int, datetime]] = {}
    for points, expire_time in expiring:
        last = last_day(expire_time, zone)
        before, first = found.get(last, (0, expire_time))
        found[last] = before + points, min(first, expire_time)
    return [(last, *found[last]) for last in sorted(found)]
