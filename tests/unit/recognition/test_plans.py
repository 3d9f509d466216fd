"""From when on a plan holds, in which periods it grants, and how much to whom."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from recognition.domain.allowances import Receiver, shares
from recognition.domain.managing import ManagerBudget, manager_shares
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.periods import PeriodKind, calendar_period
from recognition.domain.plans import Override, Plan, Terms, holds_from, in_force, period_on
from recognition.domain.roles import Role

WEEK, MONTH, QUARTER = PeriodKind
NOW = datetime(2026, 11, 18, tzinfo=UTC)
WEDNESDAY = date(2026, 11, 18)


def plan(from_day: date, kind: PeriodKind, amount: int = 200) -> Plan:
    return Plan("umbrella", 1, from_day, Terms(kind, amount), "tester", NOW)


@pytest.mark.parametrize(
    ("kind", "first_day"),
    [(WEEK, date(2026, 11, 16)), (MONTH, date(2026, 11, 1)), (QUARTER, date(2026, 10, 1))],
)
def test_the_first_plan_holds_for_the_whole_period_under_way(kind: PeriodKind, first_day: date) -> None:
    assert holds_from(None, kind, WEDNESDAY) == first_day


@pytest.mark.parametrize(
    ("old", "new", "from_day"),
    [
        (WEEK, WEEK, date(2026, 11, 23)),
        (MONTH, MONTH, date(2026, 12, 1)),
        (QUARTER, QUARTER, date(2027, 1, 1)),
        # Of two kinds it is a period of the shorter one that is cut short: the first week, or the last.
        (MONTH, WEEK, date(2026, 12, 1)),
        (QUARTER, WEEK, date(2027, 1, 1)),
        (QUARTER, MONTH, date(2027, 1, 1)),
        (WEEK, MONTH, date(2026, 12, 1)),
        (WEEK, QUARTER, date(2027, 1, 1)),
        (MONTH, QUARTER, date(2027, 1, 1)),
    ],
)
def test_a_change_holds_from_the_next_period_on(old: PeriodKind, new: PeriodKind, from_day: date) -> None:
    current = plan(old.first_day(WEDNESDAY), old)
    assert holds_from(current, new, WEDNESDAY) == from_day
    before = period_on([current], WEDNESDAY, "UTC")
    assert period_on([current, plan(from_day, new)], WEDNESDAY, "UTC") == before


def test_weeks_begin_as_soon_as_a_month_is_over_and_end_where_a_month_begins() -> None:
    weekly = [plan(date(2026, 11, 1), MONTH), plan(date(2026, 12, 1), WEEK)]
    first = period_on(weekly, date(2026, 12, 3), "UTC")
    assert first is not None
    assert (first.name, first.first_day, first.next_day) == ("2026-W49", date(2026, 12, 1), date(2026, 12, 7))
    monthly = [plan(date(2026, 11, 16), WEEK), plan(date(2026, 12, 1), MONTH)]
    last = period_on(monthly, date(2026, 11, 30), "UTC")
    assert last is not None
    assert (last.name, last.first_day, last.next_day) == ("2026-W49", date(2026, 11, 30), date(2026, 12, 1))


def test_before_the_first_plan_there_is_no_period() -> None:
    assert period_on([], WEDNESDAY, "UTC") is None
    assert period_on([plan(date(2026, 12, 1), MONTH)], WEDNESDAY, "UTC") is None


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(PeriodKind)), min_size=1, max_size=6),
    st.sampled_from(["UTC", "Europe/London", "America/Havana", "Pacific/Apia"]),
)
def test_periods_follow_each_other_however_often_the_plan_changes(
    changes: list[tuple[int, PeriodKind]], zone: str
) -> None:
    plans: list[Plan] = []
    today = date(2026, 1, 15)
    seen: dict[date, date] = {}
    for days, kind in changes:
        today += timedelta(days=days)
        current = in_force(plans, today)
        from_day = holds_from(current, kind, today)
        kept = [one for one in plans if one.from_day < from_day]
        under_way = period_on(plans, today, zone)
        plans = [*kept, plan(from_day, kind)]
        assert under_way is None or period_on(plans, today, zone) == under_way  # nobody's present allowance changes
    day = plans[0].from_day
    while day < date(2027, 6, 1):
        period = period_on(plans, day, zone)
        assert period is not None
        assert period.first_day == day
        assert period.next_day > day
        assert day not in seen  # so that person and first day name a grant
        seen[day] = period.next_day
        assert period_on(plans, period.next_day - timedelta(days=1), zone) == period
        day = period.next_day


def test_the_first_override_that_fits_says_how_much() -> None:
    terms = Terms(
        MONTH,
        200,
        (
            Override(500, role=Role.ADMIN),
            Override(300, team="sales", country="GB"),
            Override(250, team="sales"),
            Override(0, country="US"),
        ),
    )
    assert terms.amount_for(Role.ADMIN, "US", ["sales"]) == 500
    assert terms.amount_for(Role.GIVER, "GB", ["care", "sales"]) == 300
    assert terms.amount_for(Role.GIVER, "FR", ["sales"]) == 250
    assert terms.amount_for(Role.GIVER, "US", []) == 0
    assert terms.amount_for(Role.GIVER, "", []) == 200


def test_a_boost_is_part_of_the_grant_and_who_gets_nothing_is_left_out() -> None:
    terms = Terms(MONTH, 0, (Override(200, country="GB"),))
    end = datetime(2026, 12, 1, tzinfo=UTC)
    people = [
        Receiver("ann", "a", 50, Role.GIVER, "GB", ()),
        Receiver("ben", "b", 50, Role.GIVER, "FR", ()),
        Receiver("cleo", "c", 0, Role.GIVER, "FR", ()),
        Receiver("dan", "d", POINTS_MAX, Role.GIVER, "GB", ()),
    ]
    granted = {share.person: (share.amount, share.boost_amount) for share in shares(terms, people, end)}
    assert granted == {"ann": (250, 50), "ben": (50, 50), "dan": (POINTS_MAX, POINTS_MAX)}


@pytest.mark.parametrize(
    ("terms", "fields"),
    [
        (Terms(MONTH, -1), ["plan.base_amount"]),
        (Terms(MONTH, POINTS_MAX + 1), ["plan.base_amount"]),
        (Terms(MONTH, 0, (Override(-1, team="a"), Override(1))), ["plan.overrides[0].amount", "plan.overrides[1]"]),
        (Terms(MONTH, 0, (Override(1, team="a"),) * 101), ["plan.overrides"]),
    ],
)
def test_a_plan_names_every_field_that_is_out_of_bounds(terms: Terms, fields: list[str]) -> None:
    with pytest.raises(InvalidField) as refusal:
        terms.check()
    assert [violation.field for violation in refusal.value.violations] == fields


@pytest.mark.parametrize(
    ("carry_over", "end"),
    [(0, "2026-12-01"), (1, "2027-01-01"), (12, "2027-12-01")],
)
def test_a_managers_grant_lives_for_its_period_and_those_it_is_carried_over(carry_over: int, end: str) -> None:
    budget = ManagerBudget("umbrella", "ann", 1000, carry_over)
    period = calendar_period(MONTH, WEDNESDAY, "UTC")
    [share] = manager_shares([budget, ManagerBudget("umbrella", "ben", 0, 0)], period, "UTC")
    assert (share.person, share.amount) == ("ann", 1000)
    assert share.expire_time == datetime.fromisoformat(end).replace(tzinfo=UTC)
