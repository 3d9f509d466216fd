"""Whose day it is, and what that gives."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from recognition.domain.celebrations import LeapDay, Occasion, Policy, dates_kept, days_to_keep
from recognition.domain.recognitions import Visibility

POLICY = Policy("acme", "awards", ((5, 500), (10, 1000), (7, 0)), 50, 25, LeapDay.FEBRUARY_28, 3, Visibility.PUBLIC)


@pytest.mark.parametrize(("years", "amount"), [(5, 500), (10, 1000), (3, 50), (7, 0), (1, 50)])
def test_anniversaries_give_what_the_policy_says(years: int, amount: int) -> None:
    # Worked example "anniversaries": 5 years 500, 10 years 1,000, otherwise 50; 7 is a program that leaves one out.
    assert POLICY.amount(Occasion.ANNIVERSARY, years) == amount


def test_a_birthday_gives_the_same_whatever_the_years() -> None:
    assert POLICY.amount(Occasion.BIRTHDAY, 0) == 25


@pytest.mark.parametrize(
    ("day", "leap_day", "keeps"),
    [
        (date(2027, 2, 28), LeapDay.FEBRUARY_28, True),
        (date(2027, 3, 1), LeapDay.FEBRUARY_28, False),
        (date(2027, 2, 28), LeapDay.MARCH_1, False),
        (date(2027, 3, 1), LeapDay.MARCH_1, True),
        (date(2028, 2, 28), LeapDay.FEBRUARY_28, False),
        (date(2028, 2, 29), LeapDay.FEBRUARY_28, True),
        (date(2028, 2, 29), LeapDay.MARCH_1, True),
        (date(2028, 3, 1), LeapDay.MARCH_1, False),
        (date(2100, 2, 28), LeapDay.FEBRUARY_28, True),  # divisible by four, and no leap year
    ],
)
def test_the_29th_of_february_is_kept_once_a_year_where_the_policy_says(
    day: date, leap_day: LeapDay, keeps: bool
) -> None:
    assert ((2, 29) in dates_kept(day, leap_day)) is keeps


@given(year=st.integers(1900, 2400), leap_day=st.sampled_from(LeapDay))
def test_every_date_is_kept_exactly_once_in_every_year(year: int, leap_day: LeapDay) -> None:
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    kept = [one for day in days for one in dates_kept(day, leap_day)]
    assert len(kept) == len(set(kept)) == 366


def test_a_late_run_makes_up_for_days_but_for_none_before_celebrations_began() -> None:
    today = date(2027, 3, 2)
    assert days_to_keep(today, date(2020, 1, 1), 2) == [date(2027, 2, 28), date(2027, 3, 1), today]
    assert days_to_keep(today, date(2027, 3, 1), 31) == [date(2027, 3, 1), today]
    assert days_to_keep(today, today, 0) == [today]
    assert days_to_keep(date(2027, 3, 1), today, 5) == []  # a clock that was put back


def test_a_policy_is_told_all_that_is_wrong_with_it() -> None:
    with pytest.raises(InvalidField) as invalid:
        Policy(
            "acme", "awards", ((5, 1), (5, -1), (101, 0)), -1, 2**53 + 1, LeapDay.MARCH_1, 32, Visibility.PRIVATE
        ).check()
    path = "celebration_policy"
    assert [violation.field for violation in invalid.value.violations] == [
        f"{path}.anniversary_amounts[1].years",
        f"{path}.anniversary_amounts[1].amount",
        f"{path}.anniversary_amounts[2].years",
        f"{path}.other_anniversary_amount",
        f"{path}.birthday_amount",
        f"{path}.catch_up_days",
    ]
