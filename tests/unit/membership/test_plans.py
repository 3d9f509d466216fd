"""When plans of paid membership are held, until when, and what of them is refunded; no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.effects import plan_uses
from membership.domain.plans import (
    Period,
    PlanTerms,
    covering,
    held_at,
    lapses,
    next_period,
    refundable,
    violations,
)
from membership.domain.rating import Entry, Rated, Scene, rate
from membership.domain.rules import Rule
from tests.unit.membership.programs import NOW, PER_DOLLAR, book, program, times
from tests.unit.membership.test_rulebooks import ADA

NEW_YORK = ZoneInfo("America/New_York")
MONTH = PlanTerms("Plus", 1, 9_99)
YEAR = PlanTerms("Plus", 12, 99_00)


def local(*parts: int) -> datetime:
    """A moment in New York."""
    return datetime(*parts, tzinfo=NEW_YORK)  # type: ignore[arg-type,misc]  # year, month, day and so on


def bought(terms: PlanTerms, times_: int, start: datetime, plan_id: str = "plus") -> list[Period]:
    """So many periods, bought one after the other at one moment."""
    periods: list[Period] = []
    for number in range(1, times_ + 1):
        one = next_period(periods, plan_id, terms, start, "America/New_York")
        periods.append(replace(one, period_no=number))
    return periods


@pytest.mark.parametrize(
    ("terms", "start", "ends"),
    [
        (MONTH, local(2026, 1, 31, 9), [local(2026, 2, 28, 9), local(2026, 3, 31, 9), local(2026, 4, 30, 9)]),
        (MONTH, local(2028, 1, 31, 9), [local(2028, 2, 29, 9), local(2028, 3, 31, 9)]),
        (YEAR, local(2024, 2, 29), [local(2025, 2, 28), local(2026, 2, 28), local(2027, 2, 28), local(2028, 2, 29)]),
        # the clock goes forward on 8 March 2026 and back on 1 November: the time of day stays
        (MONTH, local(2026, 2, 20, 18, 30), [local(2026, 3, 20, 18, 30)]),
        (MONTH, local(2026, 10, 20, 18, 30), [local(2026, 11, 20, 18, 30)]),
        (MONTH, local(2026, 2, 8, 2, 30), [local(2026, 3, 8, 3, 30), local(2026, 4, 8, 2, 30)]),  # there is no 2:30
    ],
)
def test_months_are_counted_from_the_first_periods_beginning_in_the_programs_zone(
    terms: PlanTerms, start: datetime, ends: list[datetime]
) -> None:
    periods = bought(terms, len(ends), start)
    assert [one.end_time for one in periods] == ends
    assert [one.start_time for one in periods] == [start, *ends[:-1]]


def test_a_plan_bought_after_a_lapse_begins_at_once_and_a_run_of_its_own() -> None:
    [old] = bought(MONTH, 1, local(2026, 1, 31))
    again = next_period([old], "plus", MONTH, old.end_time, "America/New_York")
    assert (again.start_time, again.end_time) == (old.end_time, local(2026, 3, 28))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=24), st.integers(0, 20 * 365 * 24 * 60))
def test_a_member_holds_the_plan_from_the_first_moment_to_the_last_without_a_gap(
    months: list[int], minutes: int
) -> None:
    first, periods = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes), list[Period]()
    for count in months:
        periods.append(next_period(periods, "plus", replace(MONTH, months=count), first, "America/New_York"))
    last, moment = periods[-1].end_time, timedelta(microseconds=1)
    assert held_at(periods, first - moment) is None
    for one in periods:
        assert held_at(periods, one.start_time) == held_at(periods, one.end_time - moment) == ("plus", last)
    assert held_at(periods, last) is None
    assert [one for one in periods if lapses(periods, one)] == [periods[-1]]


def test_another_plan_follows_and_the_first_lapses_where_it_begins() -> None:
    periods = bought(MONTH, 2, local(2026, 1, 1))
    other = next_period(periods, "gold", YEAR, local(2026, 1, 2), "America/New_York")
    every = [*periods, other]
    assert held_at(every, local(2026, 1, 5)) == ("plus", local(2026, 3, 1))
    assert held_at(every, local(2026, 3, 1)) == ("gold", local(2027, 3, 1))
    assert [one for one in every if lapses(every, one)] == [periods[1], other]


def test_of_overlapping_periods_that_a_merge_brings_the_one_that_ends_last_is_held() -> None:
    [short], [long] = bought(MONTH, 1, local(2026, 1, 1)), bought(YEAR, 1, local(2025, 6, 1), "gold")
    assert covering([short, long], local(2026, 1, 10)) == long
    assert held_at([short, long], local(2025, 5, 31)) is None
    following = next_period([short, long], "plus", MONTH, local(2026, 1, 10), "America/New_York")
    assert following.start_time == long.end_time


def test_what_was_not_used_is_refunded_whether_it_has_begun_or_not() -> None:
    first, second, third = bought(MONTH, 3, local(2026, 1, 1))
    assert refundable([third, second, first], local(2026, 1, 10)) == [first, second, third]
    used, gone = replace(first, used=True), replace(second, cancel_time=local(2026, 1, 5))
    assert refundable([used, gone, third], local(2026, 1, 10)) == [third]
    assert refundable([first, used], first.end_time) == []
    assert covering([gone], gone.start_time) is None


def test_a_plan_has_bounds() -> None:
    assert not list(violations("plus", PlanTerms("Plus", 120, 10**12)))
    wrong = violations("a/b", PlanTerms("\n", 121, -1))
    assert [one.field for one in wrong] == ["name", "display_name", "months", "price.minor_units"]


TWICE = times("twice", 2, condition="member.plan == 'plus'")
[PLUS] = bought(MONTH, 1, NOW)


def earned(rule: Rule, moments: list[datetime], plans: list[Period]) -> list[Rated]:
    """What $10 at each moment earn."""
    entries = [Entry(int(moment.timestamp() * 10**6), place, 7, 10_00) for place, moment in enumerate(moments)]
    scene = Scene(members={7: ADA}, plans={7: plans})
    return rate(program([PER_DOLLAR]), book([PER_DOLLAR, rule]), entries, {}, scene)


def test_a_purchase_is_rated_by_the_plan_at_its_time_and_uses_it_where_a_rule_gave_something_for_it() -> None:
    moments = [PLUS.start_time - timedelta(seconds=1), PLUS.start_time, PLUS.end_time]
    rated = earned(TWICE, moments, [PLUS])
    assert [one.points for one in rated] == [10, 20, 10]
    rules = book([PER_DOLLAR, TWICE])
    assert list(plan_uses(rules, rated)) == [(7, rated[1].entry.event_us)]
    assert [one.points for one in earned(TWICE, moments, [])] == [10, 10, 10]
    assert not rules.at(0).asks_purchases
    assert rules.at(0).plan_rule_nos == {2}


def test_a_rule_that_names_no_plan_uses_none() -> None:
    rule = times("store", 3, condition="purchase.store != 'member.plan'")
    assert book([PER_DOLLAR, rule]).at(0).plan_rule_nos == frozenset()
    rated = earned(rule, [PLUS.start_time], [PLUS])
    assert [one.points for one in rated] == [30]
    assert not list(plan_uses(book([PER_DOLLAR, rule]), rated))
