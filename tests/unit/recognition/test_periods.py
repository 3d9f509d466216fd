"""A period begins and ends when it does where the people are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.days import first_instant
from guerdon_kit.errors import InvalidField
from recognition.domain.periods import Period, PeriodKind, calendar_period, check_period, check_zone, day_at

_ZONES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "America/Havana",
    "America/Asuncion",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
]


@pytest.mark.parametrize(
    ("zone", "instant", "period", "start", "end"),
    [
        # Plain months: of UTC, west of it, east of it.
        ("UTC", "2026-11-30T23:59:59.999999", "2026-11", "2026-11-01T00:00:00", "2026-12-01T00:00:00"),
        ("UTC", "2026-12-01T00:00:00", "2026-12", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("Asia/Kolkata", "2026-10-31T18:30:00", "2026-11", "2026-10-31T18:30:00", "2026-11-30T18:30:00"),
        # Clocks change within the month: it is an hour shorter, or longer.
        ("Europe/London", "2026-03-15T12:00:00", "2026-03", "2026-03-01T00:00:00", "2026-03-31T23:00:00"),
        ("Europe/London", "2026-10-15T12:00:00", "2026-10", "2026-09-30T23:00:00", "2026-11-01T00:00:00"),
        # Clocks go back on the first itself, after midnight (New York) and over it (Havana: midnight comes twice).
        ("America/New_York", "2026-11-01T04:00:00", "2026-11", "2026-11-01T04:00:00", "2026-12-01T05:00:00"),
        ("America/Havana", "2026-11-01T04:30:00", "2026-11", "2026-11-01T04:00:00", "2026-12-01T05:00:00"),
        ("America/Havana", "2026-11-01T05:30:00", "2026-11", "2026-11-01T04:00:00", "2026-12-01T05:00:00"),
        # There is no midnight: clocks jump from 00:00 to 01:00 on the first.
        ("America/Asuncion", "2017-10-01T04:00:00", "2017-10", "2017-10-01T04:00:00", "2017-11-01T03:00:00"),
        ("America/Asuncion", "2017-10-01T03:59:59", "2017-09", "2017-09-01T04:00:00", "2017-10-01T04:00:00"),
        # Clocks went from 00:01 on the first back to 23:01 on the last: November had begun, and stays.
        ("America/St_Johns", "2009-11-01T02:45:00", "2009-11", "2009-11-01T02:30:00", "2009-12-01T03:30:00"),
        # A day that never was (30 December 2011), and a new year.
        ("Pacific/Apia", "2011-12-31T10:00:00", "2012-01", "2011-12-31T10:00:00", "2012-01-31T10:00:00"),
    ],
)
def test_a_month_begins_at_its_first_instant_in_the_zone(
    zone: str, instant: str, period: str, start: str, end: str
) -> None:
    month = _month_at(_utc(instant), zone)
    assert (month.name, month.start_time, month.end_time) == (period, _utc(start), _utc(end))


@given(
    st.sampled_from(_ZONES),
    st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
    st.sampled_from(PeriodKind),
)
def test_periods_follow_each_other_without_gap_or_overlap(zone: str, instant: datetime, kind: PeriodKind) -> None:
    period = calendar_period(kind, day_at(instant, zone), zone)
    assert period.start_time <= instant < period.end_time
    following = calendar_period(kind, day_at(period.end_time, zone), zone)
    assert (following.start_time, following.first_day) == (period.end_time, period.next_day)
    assert following.name != period.name
    last = period.start_time - timedelta(microseconds=1)
    assert calendar_period(kind, day_at(last, zone), zone).end_time == period.start_time


@pytest.mark.parametrize(
    ("kind", "day", "name", "first_day", "next_day"),
    [
        (PeriodKind.WEEK, date(2026, 11, 22), "2026-W47", date(2026, 11, 16), date(2026, 11, 23)),
        # Weeks belong to the year of their Thursday (ISO 8601): across the year's end, and a 53rd one.
        (PeriodKind.WEEK, date(2026, 12, 31), "2026-W53", date(2026, 12, 28), date(2027, 1, 4)),
        (PeriodKind.WEEK, date(2027, 1, 3), "2026-W53", date(2026, 12, 28), date(2027, 1, 4)),
        (PeriodKind.WEEK, date(2027, 1, 4), "2027-W01", date(2027, 1, 4), date(2027, 1, 11)),
        (PeriodKind.WEEK, date(2024, 12, 30), "2025-W01", date(2024, 12, 30), date(2025, 1, 6)),
        (PeriodKind.MONTH, date(2028, 2, 29), "2028-02", date(2028, 2, 1), date(2028, 3, 1)),
        (PeriodKind.QUARTER, date(2026, 11, 22), "2026-Q4", date(2026, 10, 1), date(2027, 1, 1)),
        (PeriodKind.QUARTER, date(2027, 3, 31), "2027-Q1", date(2027, 1, 1), date(2027, 4, 1)),
        (PeriodKind.QUARTER, date(2026, 7, 1), "2026-Q3", date(2026, 7, 1), date(2026, 10, 1)),
    ],
)
def test_a_period_has_the_calendars_name_and_days(
    kind: PeriodKind, day: date, name: str, first_day: date, next_day: date
) -> None:
    period = calendar_period(kind, day, "UTC")
    assert (period.name, period.first_day, period.next_day) == (name, first_day, next_day)
    assert check_period(name, "period") == name


def test_a_week_in_which_the_clocks_change_is_an_hour_longer_or_shorter() -> None:
    autumn = calendar_period(PeriodKind.WEEK, date(2026, 10, 25), "Europe/London")
    spring = calendar_period(PeriodKind.WEEK, date(2026, 3, 29), "Europe/London")
    assert autumn.end_time - autumn.start_time == timedelta(days=7, hours=1)
    assert spring.end_time - spring.start_time == timedelta(days=7, hours=-1)


def test_a_day_that_begins_with_a_jump_begins_before_its_midnight_would_have_been() -> None:
    # Kiritimati left out 31 December 1994 by jumping from 00:00 on that day to 00:00 on the next.
    assert first_instant(date(1995, 1, 1), ZoneInfo("Pacific/Kiritimati")) == _utc("1994-12-31T10:00:00")
    # Toronto in 1919: clocks jumped from 23:30 on 30 March to 00:30 on the 31st, which began with the jump.
    assert first_instant(date(1919, 3, 31), ZoneInfo("America/Toronto")) == _utc("1919-03-31T04:30:00")


@pytest.mark.parametrize("zone", ["Europe/London", "UTC", "America/Argentina/Ushuaia"])
def test_a_zone_is_an_iana_name(zone: str) -> None:
    assert check_zone(zone, "organisation.time_zone") == zone


@pytest.mark.parametrize("zone", ["Mars/Olympus", "localtime", "../UTC", "europe/london", "+01:00", "Factory"])
def test_anything_else_is_no_zone(zone: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        check_zone(zone, "organisation.time_zone")
    assert [violation.field for violation in refusal.value.violations] == ["organisation.time_zone"]


@pytest.mark.parametrize(
    "period", ["2026-13", "2026-00", "26-11", "2026-1", "2026-11-01", "2026/11", "", "2026-W00", "2026-W54", "2026-Q5"]
)
def test_a_period_is_a_year_and_a_month_a_week_or_a_quarter(period: str) -> None:
    assert check_period("2026-11", "period") == "2026-11"
    with pytest.raises(InvalidField):
        check_period(period, "period")


def _month_at(instant: datetime, zone: str) -> Period:
    return calendar_period(PeriodKind.MONTH, day_at(instant, zone), zone)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
