"""What comes late among activities is judged in its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from membership.domain.activities import ActivityTerms, Withheld
from membership.domain.late_activities import Before, Done, given_anew, judge_in_order

ZONE = "America/New_York"
START = datetime(2026, 10, 26, 4, tzinfo=UTC)
"""A Monday's first instant in New York, in the week that ends an hour later by daylight saving time."""
CAPS = st.none() | st.integers(1, 3)


@given(
    st.lists(st.integers(0, 60 * 24), max_size=25),
    st.builds(ActivityTerms, st.just("Review"), st.just(10), CAPS, CAPS, CAPS, st.none() | st.integers(1, 9)),
    st.none() | st.integers(1, 50),
    st.integers(0, 25),
)
def test_from_any_moment_on_activities_are_judged_as_when_all_of_them_are(
    hours: list[int], terms: ActivityTerms, cooldown: int | None, first: int
) -> None:
    apart = None if cooldown is None else timedelta(hours=cooldown)
    terms = ActivityTerms("Review", 10, terms.day_cap, terms.week_cap, terms.month_cap, terms.total_cap, apart)
    done = [Done(START + timedelta(hours=hour), terms) for hour in sorted(hours)]
    judged = judge_in_order(Before(0, None, ()), done, ZONE)
    awarded = [one.event_time for one, judgement in zip(done, judged, strict=True) if judgement.points]
    before = [one for one, judgement in zip(done[:first], judged[:first], strict=True) if judgement.points]
    times = [one.event_time for one in before]
    again = judge_in_order(Before(len(times), times[-1] if times else None, times), done[first:], ZONE)
    assert again == judged[first:]
    assert terms.total_cap is None or len(awarded) <= terms.total_cap
    assert apart is None or all(after - one >= apart for one, after in pairwise(awarded))


def test_each_day_and_week_has_its_own_cap() -> None:
    terms = ActivityTerms("Review", 10, day_cap=2, week_cap=3)
    done = [Done(START + timedelta(hours=hour), terms) for hour in (0, 1, 23, 24, 25, 7 * 24, 7 * 24 + 1)]
    judged = judge_in_order(Before(0, None, ()), done, ZONE)
    assert [one.withheld for one in judged] == [
        None,
        None,
        Withheld.DAY_CAP,
        None,
        Withheld.WEEK_CAP,
        Withheld.WEEK_CAP,
        None,
    ]


def test_what_is_given_anew_has_an_id_of_its_own_that_fits_a_request() -> None:
    ids = {given_anew(one, other) for one in ("a", "b" * 60) for other in ("c", "d" * 60)}
    assert len(ids) == 4
    assert all(len(one) <= 60 for one in ids)
