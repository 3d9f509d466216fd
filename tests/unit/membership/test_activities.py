"""What an activity brings, and when a day is celebrated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membership.domain.activities import (
    ActivityTerms,
    Judgement,
    Occasion,
    Past,
    Withheld,
    attribute_violations,
    judge,
    same_day,
    spans,
    violations,
)
from membership.domain.calendar import ExpiryPolicy
from membership.operations.occasions import days_due

ZONE = "America/New_York"
NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)


def record(terms: ActivityTerms, times: Sequence[datetime]) -> list[Judgement]:
    """Judges activities in the order given, as the database counts them."""
    awarded: list[datetime] = []
    judgements = []
    for time in times:
        within = spans(time, ZONE)
        day, week, month = (
            sum(start <= one < end for one in awarded) for start, end in (within.day, within.week, within.month)
        )
        before = max((one for one in awarded if one <= time), default=None)
        after = min((one for one in awarded if one > time), default=None)
        past = Past(day, week, month, len(awarded), before, after)
        judgements.append(judge(terms, time, within, past))
        if judgements[-1].points:
            awarded.append(time)
    return judgements


def test_days_weeks_and_months_are_those_of_the_zone_also_when_clocks_change() -> None:
    """8 March 2026 has 23 hours in New York."""
    within = spans(datetime(2026, 3, 9, 3, 59, tzinfo=UTC), ZONE)
    assert within.day == (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC))
    assert within.week == (datetime(2026, 3, 2, 5, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC))
    assert within.month == (datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 4, 1, 4, tzinfo=UTC))
    assert spans(datetime(2026, 12, 31, 12, tzinfo=UTC), ZONE).month[1] == datetime(2027, 1, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "why", "again"),
    [
        (ActivityTerms("a", 5, day_cap=1), Withheld.DAY_CAP, datetime(2026, 3, 9, 4, tzinfo=UTC)),
        (ActivityTerms("a", 5, week_cap=1), Withheld.WEEK_CAP, datetime(2026, 3, 9, 4, tzinfo=UTC)),
        (ActivityTerms("a", 5, month_cap=1), Withheld.MONTH_CAP, datetime(2026, 4, 1, 4, tzinfo=UTC)),
        (ActivityTerms("a", 5, day_cap=1, total_cap=1), Withheld.TOTAL_CAP, None),
        (ActivityTerms("a", 5, cooldown=timedelta(hours=1)), Withheld.COOLDOWN, NOON + timedelta(hours=1)),
    ],
)
def test_what_a_cap_or_the_cooldown_withholds_tells_why_and_until_when(
    terms: ActivityTerms, why: Withheld, again: datetime | None
) -> None:
    first, second = record(terms, [NOON, NOON + timedelta(minutes=59)])
    assert first == Judgement(5)
    assert second == Judgement(0, why, again)


def test_the_cooldown_is_kept_before_as_well_as_after_and_ends_exactly() -> None:
    terms = ActivityTerms("a", 5, cooldown=timedelta(hours=1))
    late = record(terms, [NOON, NOON - timedelta(minutes=59), NOON - timedelta(hours=1), NOON + timedelta(hours=1)])
    assert [one.points for one in late] == [5, 0, 5, 5]


MOMENTS = st.integers(0, 40 * 24).map(lambda hours: NOON + timedelta(hours=hours))


@settings(max_examples=60)
@given(st.lists(MOMENTS, max_size=5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
def test_caps_of_day_month_and_all_award_as_many_in_whatever_order_activities_arrive(
    times: list[datetime], day: int, month: int, total: int
) -> None:
    """They lie within one another; weeks, which cross months, and cooldowns do not have this."""
    terms = ActivityTerms("a", 5, day_cap=day, month_cap=month, total_cap=total)
    assert len({sum(one.points for one in record(terms, order)) for order in permutations(times)}) == 1


@settings(max_examples=60)
@given(st.lists(MOMENTS, max_size=30), st.integers(1, 3), st.integers(1, 5), st.integers(1, 8), st.integers(1, 72))
def test_no_cap_and_no_cooldown_is_ever_exceeded(
    times: list[datetime], day: int, week: int, month: int, hours: int
) -> None:
    cooldown = timedelta(hours=hours)
    terms = ActivityTerms("a", 5, day_cap=day, week_cap=week, month_cap=month, total_cap=9, cooldown=cooldown)
    awarded = [time for time, one in zip(times, record(terms, times), strict=True) if one.points]
    for cap, name in ((day, "day"), (week, "week"), (month, "month")):
        for time in awarded:
            start, end = getattr(spans(time, ZONE), name)
            assert sum(start <= one < end for one in awarded) <= cap
    assert len(awarded) <= 9
    in_order = sorted(awarded)
    assert all(after - before >= cooldown for before, after in pairwise(in_order))


@pytest.mark.parametrize(
    ("day", "celebrated"),
    [
        (date(2026, 5, 1), [(5, 1)]),
        (date(2026, 2, 28), [(2, 28), (2, 29)]),
        (date(2028, 2, 28), [(2, 28)]),
        (date(2028, 2, 29), [(2, 29)]),
        (date(2100, 2, 28), [(2, 28), (2, 29)]),
        (date(2026, 3, 1), [(3, 1)]),
    ],
)
def test_29_february_is_celebrated_on_the_28th_in_years_without_it(
    day: date, celebrated: list[tuple[int, int]]
) -> None:
    assert same_day(day) == celebrated


def test_every_birthday_comes_once_in_a_year() -> None:
    for year in (2026, 2028):
        days = [date(year, 1, 1) + timedelta(days=n) for n in range(365 + (year == 2028))]
        celebrated = [one for day in days for one in same_day(day)]
        assert len(celebrated) == len(set(celebrated)) == 366


def test_missed_days_are_made_up_for_and_never_more_than_a_year_of_them() -> None:
    today = date(2026, 11, 22)
    assert list(days_due(today, today)) == []
    assert list(days_due(date(2026, 11, 19), today)) == [date(2026, 11, day) for day in (20, 21, 22)]
    assert len(list(days_due(date(2020, 1, 1), today))) == 366


@pytest.mark.parametrize(
    ("terms", "occasion", "field"),
    [
        (ActivityTerms("", 5), None, "display_name"),
        (ActivityTerms("a" * 201, 5), None, "display_name"),
        (ActivityTerms("a", 0), None, "points"),
        (ActivityTerms("a", 10**9 + 1), None, "points"),
        (ActivityTerms("a", 5, day_cap=-1), None, "day_cap"),
        (ActivityTerms("a", 5, total_cap=10**6 + 1), None, "total_cap"),
        (ActivityTerms("a", 5, cooldown=timedelta(0)), None, "cooldown"),
        (ActivityTerms("a", 5, cooldown=timedelta(days=367)), None, "cooldown"),
        (ActivityTerms("a", 5, expiry=ExpiryPolicy(0)), None, "expiry_policy.months"),
        (ActivityTerms("a", 5, week_cap=1), Occasion.BIRTHDAY, "week_cap"),
        (ActivityTerms("a", 5, cooldown=timedelta(days=1)), Occasion.ENROLLMENT_ANNIVERSARY, "cooldown"),
    ],
)
def test_terms_have_bounds(terms: ActivityTerms, occasion: Occasion | None, field: str) -> None:
    assert [one.field for one in violations(terms, occasion)] == [field]


@pytest.mark.parametrize(
    "attributes", [{"Key": "v"}, {"": "v"}, {"key": "v" * 201}, {"key": "a\nb"}, {f"k{n}": "" for n in range(21)}]
)
def test_attributes_have_bounds(attributes: dict[str, str]) -> None:
    assert [one.field for one in attribute_violations(attributes)] == ["attributes"]
