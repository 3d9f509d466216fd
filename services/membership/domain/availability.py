"""When the points of purchases can first be spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from guerdon_kit.errors import FieldViolation
from membership.domain.calendar import ExpiryPolicy

DAYS_MAX = 366
MONTH_DAYS = 28
"""The days of a month that every month has."""


@dataclass(frozen=True, slots=True)
class Availability:
    """At once, some days after the purchase, or as soon as goods cannot come back any more."""

    after_days: int = 0
    after_return_window: bool = False

    def days(self, return_window_days: int) -> int:
        """How many days after the purchase; 0: at once."""
        return return_window_days if self.after_return_window else self.after_days

    def violations(self, path: str, return_window_days: int, expiry: ExpiryPolicy | None) -> Iterator[FieldViolation]:
        """The bounds that are not kept, by the contract's fields under `path`, for points that expire by a policy."""
        days = self.days(return_window_days)
        if not 0 <= self.after_days <= DAYS_MAX:
            yield FieldViolation(f"{path}.after_days", f"must be between 0 and {DAYS_MAX}")
        elif self.after_return_window and not return_window_days:
            yield FieldViolation(f"{path}.after_return_window", "needs the program's return_window_days")
        elif days and expiry is not None and days >= expiry.months * MONTH_DAYS:
            name = "after_return_window" if self.after_return_window else "after_days"
            yield FieldViolation(f"{path}.{name}", f"must be less than {MONTH_DAYS} days for each month of the expiry")


def plus_days(event_time: datetime, days: int, time_zone: str) -> datetime:
    """So many days later at the same local time of day, in UTC."""
    return (event_time.astimezone(ZoneInfo(time_zone)) + timedelta(days=days)).astimezone(UTC)
