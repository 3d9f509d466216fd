"""Years and months as a program's time zone has them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

FIRST_YEAR = 1969
"""The first whole second of 1970 UTC still lies in 1969 west of Greenwich."""
LAST_YEAR = 2200


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

    def start_of_year(self, year: int) -> datetime:
        """The first instant of a year, in UTC."""
        return datetime(year, 1, 1, tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """Points expire `months` after they were earned, clamped to the month's last day; with `end_of_month` at the
    first instant of the month that follows.
    """

    months: int
    end_of_month: bool = False

    def expire_time(self, earned: datetime, time_zone: str) -> datetime:
        """When points earned at `earned` expire, in UTC. The local time of day is kept."""
        zone = ZoneInfo(time_zone)
        local = earned.astimezone(zone)
        month0 = local.year * 12 + local.month - 1 + self.months
        if self.end_of_month:
            following = month0 + 1
            return datetime(following // 12, following % 12 + 1, 1, tzinfo=zone).astimezone(UTC)
        year, month = month0 // 12, month0 % 12 + 1
        return local.replace(year=year, month=month, day=min(local.day, _days_in(year, month))).astimezone(UTC)


def _days_in(year: int, month: int) -> int:
    first = datetime(year, month, 1)  # noqa: DTZ001  # calendar arithmetic, no moment
    following = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001  # likewise
    return (following - first).days
