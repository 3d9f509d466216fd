"""The periods that a limit counts in: days, weeks and months of the program's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards_catalog.domain.limits import Period, span_of

ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "America/St_Johns", "Asia/Gaza"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "time", "zone", "start", "end"),
    [
        # New York: clocks go forward on 8 March 2026, so that day has 23 hours; back on 1 November: 25.
        (Period.DAY, "2026-03-08T12:00", "America/New_York", "2026-03-08T05:00", "2026-03-09T04:00"),
        (Period.DAY, "2026-11-01T12:00", "America/New_York", "2026-11-01T04:00", "2026-11-02T05:00"),
        (Period.DAY, "2026-07-01T03:59", "America/New_York", "2026-06-30T04:00", "2026-07-01T04:00"),
        # 1 March 2026 is a Sunday: the last day of the week that began on 23 February.
        (Period.WEEK, "2026-03-01T12:00", "UTC", "2026-02-23T00:00", "2026-03-02T00:00"),
        (Period.MONTH, "2028-02-29T23:59", "UTC", "2028-02-01T00:00", "2028-03-01T00:00"),
        (Period.MONTH, "2026-12-31T18:30", "Asia/Kolkata", "2026-12-31T18:30", "2027-01-31T18:30"),
        # Clocks went back at one minute past midnight (2:31 UTC) on 1 November 2009: the month had begun, and stays so.
        (Period.MONTH, "2009-11-01T02:40", "America/St_Johns", "2009-11-01T02:30", "2009-12-01T03:30"),
    ],
)
def test_a_period_begins_and_ends_with_days_of_the_zone(
    period: Period, time: str, zone: str, start: str, end: str
) -> None:
    span = span_of(period, utc(time), zone)
    assert (span.start_time, span.end_time) == (utc(start), utc(end))


@given(
    period=st.sampled_from(Period),
    time=st.integers(631_152_000, 2_208_988_800).map(lambda epoch_s: datetime.fromtimestamp(epoch_s, UTC)),
    zone=st.sampled_from(ZONES),
)
def test_each_moment_lies_in_one_period_and_the_next_begins_where_it_ends(
    period: Period, time: datetime, zone: str
) -> None:
    span = span_of(period, time, zone)
    assert span.start_time <= time < span.end_time
    assert span_of(period, span.start_time, zone) == span
    assert span_of(period, span.end_time - timedelta(microseconds=1), zone) == span
    assert span_of(period, span.end_time, zone).start_time == span.end_time
    first = span.start_time.astimezone(ZoneInfo(zone))
    assert period is not Period.WEEK or first.weekday() == 0
    assert period is not Period.MONTH or first.day == 1
