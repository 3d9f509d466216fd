"""What is counted of members, cashiers and terminals, and what passes their limits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.baskets import Basket, Line
from membership.domain.velocity import (
    Bought,
    Counted,
    Key,
    Limit,
    Passed,
    Period,
    Subject,
    VelocityPolicy,
    flags,
    periods_of,
    together,
)

NEW_YORK = "America/New_York"
MEMBER, CASHIER = Limit(Subject.MEMBER, Period.DAY, 2, 0), Limit(Subject.CASHIER, Period.HOUR, 0, 100)
POLICY = VelocityPolicy((MEMBER, CASHIER))


def bought(purchase_id: str, member_no: int, points: int, cashier: str | None = None) -> Bought:
    line = Line("l", "", "", 1, 100, 0)
    basket = None if cashier is None else Basket((line,), cashier=cashier)
    return Bought(purchase_id, member_no, f"m{member_no}", basket, points)


@pytest.mark.parametrize(
    ("period", "moment", "other", "same"),
    [
        (Period.HOUR, datetime(2026, 5, 1, 9, 0, tzinfo=UTC), datetime(2026, 5, 1, 9, 59, 59, tzinfo=UTC), True),
        (Period.HOUR, datetime(2026, 5, 1, 9, 59, 59, tzinfo=UTC), datetime(2026, 5, 1, 10, tzinfo=UTC), False),
        (Period.HOUR, datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC), False),
        (Period.DAY, datetime(2026, 5, 1, 4, tzinfo=UTC), datetime(2026, 5, 2, 3, 59, tzinfo=UTC), True),
        (Period.DAY, datetime(2026, 5, 1, 3, 59, tzinfo=UTC), datetime(2026, 5, 1, 4, tzinfo=UTC), False),
        (Period.MONTH, datetime(2026, 5, 1, 4, tzinfo=UTC), datetime(2026, 6, 1, 3, 59, tzinfo=UTC), True),
        (Period.MONTH, datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, 6, tzinfo=UTC), False),
    ],
)
def test_hours_are_those_of_utc_and_days_and_months_those_of_the_zone(
    period: Period, moment: datetime, other: datetime, same: bool
) -> None:
    assert (period.start(moment, NEW_YORK) == period.start(other, NEW_YORK)) is same
    assert period.start(moment, NEW_YORK) <= period.start(other, NEW_YORK)


def test_each_purchase_is_held_against_what_was_counted_up_to_it() -> None:
    every = [bought("p1", 1, 60, "eve"), bought("p2", 2, 40, "eve"), bought("p3", 1, 1, "eve"), bought("p4", 1, 5)]
    ada, eve = Key(Subject.MEMBER, "1", Period.DAY), Key(Subject.CASHIER, "eve", Period.HOUR)
    assert together(POLICY, every)[ada] == Counted(3, 66)
    after = {ada: Counted(3, 66), Key(Subject.MEMBER, "2", Period.DAY): Counted(1, 40), eve: Counted(3, 101)}
    found = flags(POLICY, every, after)
    assert [(id_, [(one.value, one.counted) for one in passed]) for id_, passed in found.items()] == [
        ("p3", [("eve", Counted(3, 101))]),
        ("p4", [("m1", Counted(3, 66))]),
    ]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 90), st.sampled_from([None, "", "eve", "joe"]))))
def test_purchases_together_are_flagged_as_one_after_the_other(drawn: list[tuple[int, int, str | None]]) -> None:
    every = [bought(f"p{at}", *one) for at, one in enumerate(drawn)]
    alone, counts = dict[str, tuple[Passed, ...]](), dict[Key, Counted]()
    for one in every:
        for key, more in together(POLICY, [one]).items():
            counts[key] = counts.get(key, Counted()).plus(more)
        alone |= flags(POLICY, [one], counts)
    assert flags(POLICY, every, counts) == alone


@pytest.mark.parametrize(
    ("limit", "counted", "passed"),
    [
        (MEMBER, Counted(2, 10**9), False),
        (MEMBER, Counted(3, 0), True),
        (CASHIER, Counted(10**6, 100), False),
        (CASHIER, Counted(1, 101), True),
        (Limit(Subject.TERMINAL, Period.MONTH, 5, 5), Counted(1, 6), True),
    ],
)
def test_a_limit_is_passed_above_it(limit: Limit, counted: Counted, passed: bool) -> None:
    assert limit.passed(counted) is passed


def test_of_what_is_imported_only_that_counts_which_happened_in_the_period_of_now() -> None:
    now = datetime(2026, 5, 20, 14, 30, tzinfo=UTC)
    happened = {
        "now": (now, {Period.HOUR, Period.DAY, Period.MONTH}),
        "today": (datetime(2026, 5, 20, 4, 0, tzinfo=UTC), {Period.DAY, Period.MONTH}),
        "yesterday": (datetime(2026, 5, 20, 3, 59, tzinfo=UTC), {Period.MONTH}),
        "a year ago": (datetime(2025, 5, 20, 14, 30, tzinfo=UTC), set()),
    }
    for when, (event_time, expected) in happened.items():
        found = periods_of(event_time, now, NEW_YORK)
        assert found == expected, when
        counted = together(POLICY, [bought("p", 1, 5, "eve")._replace(periods=found)])
        assert {key.period for key in counted} == expected & {Period.DAY, Period.HOUR}
