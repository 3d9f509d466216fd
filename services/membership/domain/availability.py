"""When the points of purchases can first be spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from guerdon_kit.errors import FieldViolation
from membership.domain.calendar import ExpiryPolicy
from membership.domain.ids import ID_RULE, is_id

DAYS_MAX = 366
MONTH_DAYS = 28
"""The days of a month that every month has."""


class OnEvent(NamedTuple):
    """Points wait until an event of their purchase is told, such as its delivery."""

    event: str
    """The type of the event."""
    wait_days: int
    """How many days after the purchase they wait at most."""
    released: bool = False
    """Whether they can be spent then; otherwise they are taken back."""


@dataclass(frozen=True, slots=True)
class Availability:
    """At once, some days after the purchase, as soon as goods cannot come back any more, or on an event."""

    after_days: int = 0
    after_return_window: bool = False
    on_event: OnEvent | None = None

    def days(self, return_window_days: int) -> int:
        """How many days after the purchase; 0: at once, or on an event."""
        return return_window_days if self.after_return_window else self.after_days

    def violations(self, path: str, return_window_days: int, expiry: ExpiryPolicy | None) -> Iterator[FieldViolation]:
        """The bounds that are not kept, by the contract's fields under `path`, for points that expire by a policy."""
        days, name = self.days(return_window_days), "after_return_window" if self.after_return_window else "after_days"
        if self.on_event is not None:
            days, name = self.on_event.wait_days, "on_event.wait_days"
            if not is_id(self.on_event.event):
                yield FieldViolation(f"{path}.on_event.event", ID_RULE)
        if not 0 <= self.after_days <= DAYS_MAX:
            yield FieldViolation(f"{path}.after_days", f"must be between 0 and {DAYS_MAX}")
        elif self.after_return_window and not return_window_days:
            yield FieldViolation(f"{path}.after_return_window", "needs the program's return_window_days")
        elif self.on_event is not None and not 1 <= days <= DAYS_MAX:
            yield FieldViolation(f"{path}.{name}", f"must be between 1 and {DAYS_MAX}")
        elif days and expiry is not None and days >= expiry.months * MONTH_DAYS:
            yield FieldViolation(f"{path}.{name}", f"must be less than {MONTH_DAYS} days for each month of the expiry")


def plus_days(event_time: datetime, days: int, time_zone: str) -> datetime:
    """So many days later at the same local time of day, in UTC."""
    return (event_time.astimezone(ZoneInfo(time_zone)) + timedelta(days=days)).astimezone(UTC)
