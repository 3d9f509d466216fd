"""Points that activity keeps: how long, in whatever order it is told of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from membership.domain.calendar import ExpiryKind, ExpiryPolicy, PeriodEnd
from membership.domain.sliding import Span, expire_time, joined, kept_until, lengthens, slide
from tests.unit.membership.programs import PER_DOLLAR, program

ZONE = "America/New_York"
YEAR = ExpiryPolicy(12, kind=ExpiryKind.SLIDING)
MONTH = ExpiryPolicy(1, kind=ExpiryKind.SLIDING)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]  # year, month, day and so on


def test_activity_before_the_points_expire_keeps_them_and_later_activity_does_not_bring_them_back() -> None:
    span = slide(None, YEAR, [at(2024, 1, 31, 12)], ZONE)
    assert span == Span(at(2024, 1, 31, 12), at(2025, 1, 31, 12))
    span = slide(span, YEAR, [at(2025, 1, 31, 11, 59)], ZONE)
    assert span == Span(at(2024, 1, 31, 12), at(2026, 1, 31, 11, 59))
    span = slide(span, YEAR, [at(2026, 1, 31, 11, 59)], ZONE)
    assert span == Span(at(2026, 1, 31, 11, 59), at(2027, 1, 31, 11, 59))
    assert kept_until(span, YEAR, at(2025, 6, 1), ZONE) == at(2026, 6, 1)


def test_months_are_clamped_and_the_clock_of_the_zone_is_kept_and_ends_are_rounded() -> None:
    assert slide(None, MONTH, [at(2028, 1, 31, 12)], ZONE) == Span(at(2028, 1, 31, 12), at(2028, 2, 29, 12))
    assert slide(None, MONTH, [at(2027, 2, 28, 12)], ZONE) == Span(at(2027, 2, 28, 12), at(2027, 3, 28, 11))
    quarter = ExpiryPolicy(1, rounded_to=PeriodEnd.QUARTER, kind=ExpiryKind.SLIDING)
    assert slide(None, quarter, [at(2027, 2, 28, 12)], ZONE) == Span(at(2027, 2, 28, 12), at(2027, 4, 1, 4))


def test_what_is_told_of_late_is_kept_by_what_came_after_it() -> None:
    span = slide(None, YEAR, [at(2026, 5, 1)], ZONE)
    assert span is not None
    late = slide(span, YEAR, [at(2025, 9, 1)], ZONE)
    assert late is not None
    assert (late.since, late.until) == (at(2025, 9, 1), span.until)
    assert kept_until(late, YEAR, at(2025, 9, 1), ZONE) == span.until
    old = slide(late, YEAR, [at(2023, 9, 1)], ZONE)
    assert old == late, "it had expired before"
    assert kept_until(old, YEAR, at(2023, 9, 1), ZONE) == at(2024, 9, 1)


def test_the_ledger_is_asked_for_who_lives_longer_and_still_lives() -> None:
    span, now = Span(at(2025, 1, 1), at(2026, 1, 1)), at(2025, 6, 1)
    assert lengthens(None, span, now)
    assert lengthens(Span(at(2024, 6, 1), at(2025, 6, 1)), span, now)
    assert not lengthens(Span(at(2025, 3, 1), at(2026, 1, 1)), span, now), "it only began earlier"
    assert not lengthens(None, span, at(2026, 1, 1)), "all has expired"


def test_terms_of_their_own_go_before_the_programs_policy_which_the_span_lengthens() -> None:
    span, early = Span(at(2025, 1, 1), at(2026, 6, 1)), at(2025, 5, 1)
    never = program([PER_DOLLAR])
    slides = replace(never, settings=replace(never.settings, expiry=YEAR))
    assert expire_time(slides, None, span, early) == span.until
    assert expire_time(slides, None, None, early) == at(2026, 5, 1)
    assert expire_time(slides, ExpiryPolicy(2), span, early) == at(2025, 7, 1)
    assert expire_time(never, ExpiryPolicy(2), None, early) == at(2025, 7, 1)
    assert expire_time(never, None, None, early) is None


days = st.lists(st.integers(0, 1200), min_size=1, max_size=12)


@given(days)
def test_a_history_told_of_latest_first_keeps_what_it_keeps_in_one_chunk(told: list[int]) -> None:
    times = sorted((at(2024, 1, 1) + timedelta(days=day) for day in told), reverse=True)
    whole, span = slide(None, YEAR, times, ZONE), None
    for time in times:
        span = slide(span, YEAR, [time], ZONE)
        assert kept_until(span, YEAR, time, ZONE) == kept_until(whole, YEAR, time, ZONE)


@given(days, st.randoms(use_true_random=False), st.integers(1, 11))
def test_the_span_is_that_of_the_activity_in_order_however_it_is_told_of_within_it(
    told: list[int], shuffled: object, cut: int
) -> None:
    """An independent walk, day by day: what is left at the end, and since when."""
    times = sorted(at(2024, 1, 1) + timedelta(days=day) for day in told)
    since, until = times[0], YEAR.expire_time(times[0], ZONE)
    for time in times[1:]:
        if time >= until:
            since = time
        until = max(until, YEAR.expire_time(time, ZONE)) if time < until else YEAR.expire_time(time, ZONE)
    assert slide(None, YEAR, times, ZONE) == Span(since, until)
    first, rest = times[:cut], times[cut:]
    one, other = slide(None, YEAR, first, ZONE), slide(None, YEAR, rest, ZONE)
    assert one is not None
    if other is not None:
        assert joined(one, other) == joined(other, one) == slide(one, YEAR, rest, ZONE)
    kept = [time for time in times if time >= since]
    shuffled.shuffle(kept)  # type: ignore[attr-defined]  # a random.Random
    span = slide(None, YEAR, kept[-1:], ZONE)
    for time in [*kept, *kept]:  # late, and told of twice
        span = slide(span, YEAR, [time], ZONE)
    assert span is not None
    assert span.until == until
