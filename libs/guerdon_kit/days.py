"""Days of a time zone: the instant at which one begins; and which zones there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


@cache
def time_zones() -> frozenset[str]:
    """The IANA names of time zones; `Factory`, and `localtime`, which is this machine's alone, are none. Kept, because
    finding them reads hundreds of files.
    """
    return frozenset(available_timezones()) - {"Factory", "localtime"}


def first_instant(day: date, tz: ZoneInfo) -> datetime:
    """The instant (UTC) at which `day` begins in `tz`.

    Midnight that comes twice (clocks go back over it) counts the first time. Where clocks jump over midnight, the
    day begins with the jump, which may come before the instant that midnight would have been.
    """
    midnight = datetime.combine(day, time(), tz)  # fold=0: the first of two, and in a gap the offset before it
    candidate = midnight.astimezone(UTC)
    if candidate.astimezone(tz).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return candidate
    return _jump_before(candidate, tz)


def _jump_before(after: datetime, tz: ZoneInfo) -> datetime:
    """The instant, exact to the second, of the one change of offset in the day up to and including `after`."""
    new_offset = after.astimezone(tz).utcoffset()
    low, high = after - timedelta(days=1), after  # the offset is the old one at `low`, the new one at `high`
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(tz).utcoffset() == new_offset:
            high = middle
        else:
            low = middle
    return high
