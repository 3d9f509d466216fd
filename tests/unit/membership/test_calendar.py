"""Years and months in a program's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.calendar import Calendar, ExpiryKind, ExpiryPolicy, PeriodEnd

NEW_YORK = ZoneInfo("America/New_York")


def test_square_p12m_rounded_to_the_first_of_the_next_month() -> None:
    """Source: Square Loyalty docs: `P12M` rounded, earned 6 Jul 2020, expires 1 Aug 2021."""
    earned = datetime(2020, 7, 6, 15, 30, tzinfo=NEW_YORK)
    expires = ExpiryPolicy(12, PeriodEnd.MONTH).expire_time(earned, "America/New_York")
    assert expires == datetime(2021, 8, 1, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("earned", "months", "expires"),
    [
        (datetime(2025, 1, 31, 9, tzinfo=NEW_YORK), 1, datetime(2025, 2, 28, 9, tzinfo=NEW_YORK)),
        (datetime(2024, 1, 31, 9, tzinfo=NEW_YORK), 1, datetime(2024, 2, 29, 9, tzinfo=NEW_YORK)),
        (datetime(2024, 2, 29, 9, tzinfo=NEW_YORK), 12, datetime(2025, 2, 28, 9, tzinfo=NEW_YORK)),
        (datetime(2025, 11, 30, 9, tzinfo=NEW_YORK), 1, datetime(2025, 12, 30, 9, tzinfo=NEW_YORK)),
        # Across the change of the clocks the local time of day stays.
        (datetime(2025, 2, 15, 9, tzinfo=NEW_YORK), 1, datetime(2025, 3, 15, 9, tzinfo=NEW_YORK)),
        # The last local hour of a month is its last day, whatever UTC says.
        (datetime(2025, 1, 31, 23, 30, tzinfo=NEW_YORK), 1, datetime(2025, 2, 28, 23, 30, tzinfo=NEW_YORK)),
    ],
)
def test_months_are_local_and_clamped(earned: datetime, months: int, expires: datetime) -> None:
    assert ExpiryPolicy(months).expire_time(earned.astimezone(UTC), "America/New_York") == expires


def test_a_year_begins_at_local_midnight() -> None:
    calendar = Calendar("America/New_York")
    assert calendar.year_at(datetime(1998, 1, 1, 4, 59, 59, 999999, tzinfo=UTC)) == 1997
    assert calendar.year_at(datetime(1998, 1, 1, 5, 0, tzinfo=UTC)) == 1998
    assert calendar.start_of_year(1998) == datetime(1998, 1, 1, tzinfo=NEW_YORK)


def moments(first: int, last: int) -> st.SearchStrategy[datetime]:
    span = [int(datetime(year, 1, 2, tzinfo=UTC).timestamp()) for year in (first, last)]
    return st.integers(*span).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


zones = st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Europe/London", "Asia/Kathmandu"])


@given(zones, moments(1970, 2200))
def test_the_year_is_that_of_the_local_date(zone: str, moment: datetime) -> None:
    assert Calendar(zone).year_at(moment) == moment.astimezone(ZoneInfo(zone)).year


@given(zones, moments(1970, 2100), st.integers(1, 1200))
def test_the_end_of_the_month_is_never_sooner_and_less_than_a_month_later(
    zone: str, earned: datetime, months: int
) -> None:
    plain = ExpiryPolicy(months).expire_time(earned, zone)
    rounded = ExpiryPolicy(months, PeriodEnd.MONTH).expire_time(earned, zone)
    assert earned < plain <= rounded
    assert (rounded - plain).days <= 31
    assert rounded.astimezone(ZoneInfo(zone)).day == 1


@pytest.mark.parametrize(
    ("rounded_to", "expires"),
    [
        (None, datetime(2026, 5, 20, 9, tzinfo=NEW_YORK)),
        (PeriodEnd.MONTH, datetime(2026, 6, 1, tzinfo=NEW_YORK)),
        (PeriodEnd.QUARTER, datetime(2026, 7, 1, tzinfo=NEW_YORK)),
        (PeriodEnd.HALF_YEAR, datetime(2026, 7, 1, tzinfo=NEW_YORK)),
        (PeriodEnd.YEAR, datetime(2027, 1, 1, tzinfo=NEW_YORK)),
    ],
)
def test_an_expiry_is_rounded_to_the_end_of_a_period(rounded_to: PeriodEnd | None, expires: datetime) -> None:
    earned = datetime(2025, 5, 20, 9, tzinfo=NEW_YORK)
    assert ExpiryPolicy(12, rounded_to).expire_time(earned, "America/New_York") == expires


@pytest.mark.parametrize(
    ("months", "month_day", "earned", "expires"),
    [
        (0, (12, 31), datetime(2025, 12, 31, 23, tzinfo=NEW_YORK), datetime(2026, 1, 1, tzinfo=NEW_YORK)),
        (0, (3, 31), datetime(2025, 4, 1, tzinfo=NEW_YORK), datetime(2026, 4, 1, tzinfo=NEW_YORK)),
        (6, (12, 31), datetime(2025, 7, 1, tzinfo=NEW_YORK), datetime(2027, 1, 1, tzinfo=NEW_YORK)),
        (0, (2, 29), datetime(2025, 1, 5, tzinfo=NEW_YORK), datetime(2025, 3, 1, tzinfo=NEW_YORK)),
        (0, (2, 29), datetime(2028, 2, 29, 12, tzinfo=NEW_YORK), datetime(2028, 3, 1, tzinfo=NEW_YORK)),
    ],
)
def test_a_calendar_date_is_the_end_of_its_day(
    months: int, month_day: tuple[int, int], earned: datetime, expires: datetime
) -> None:
    policy = ExpiryPolicy(months, kind=ExpiryKind.CALENDAR_DATE, month_day=month_day)
    assert policy.expire_time(earned, "America/New_York") == expires


def test_days_are_local_also_when_the_clocks_change() -> None:
    calendar = Calendar("America/New_York")
    day = calendar.day_at(datetime(2026, 3, 8, 12, tzinfo=NEW_YORK))
    assert calendar.start_of_day(day) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert calendar.start_of_day(day + 1) == datetime(2026, 3, 9, 4, tzinfo=UTC), "a day of 23 hours"
    assert calendar.day_at(datetime(2026, 3, 9, 3, 59, tzinfo=UTC)) == day
