"""What an agent may give, and in which case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rewards_catalog.domain import errors
from rewards_catalog.domain.support import (
    MAX_GOODWILL,
    Case,
    case_violations,
    check_open,
    goodwill_violations,
    may_give_alone,
)
from tests.unit.rewards_catalog.builders import NOW

CASE = Case("acme", "cs-1", "programs/acme/members/ada", "A lost parcel", "issuer|agent", NOW, "", None)


@pytest.mark.parametrize(
    ("points", "given_today", "daily_points", "alone"),
    [
        (1, 0, 0, False),
        (50, 0, 50, True),
        (51, 0, 50, False),
        (1, 50, 50, False),
        (1, 49, 50, True),
        (1, 90, 50, False),
    ],
)
def test_an_agent_gives_alone_what_all_of_its_day_together_allows(
    points: int, given_today: int, daily_points: int, alone: bool
) -> None:
    assert may_give_alone(points, given_today, daily_points) is alone


def test_nothing_is_given_in_a_closed_case_or_more_often_than_a_hundred_times() -> None:
    check_open(CASE, MAX_GOODWILL - 1)
    with pytest.raises(errors.CaseFull):
        check_open(CASE, MAX_GOODWILL)
    with pytest.raises(errors.CaseClosed):
        check_open(replace(CASE, closer="issuer|agent", close_time=NOW), 0)


@pytest.mark.parametrize(("subject", "broken"), [("x", 0), ("x" * 100, 0), ("", 1), ("x" * 101, 1), ("a\nb", 1)])
def test_a_case_is_about_something_short(subject: str, broken: int) -> None:
    assert len(list(case_violations(replace(CASE, subject=subject)))) == broken


def test_goodwill_is_some_points_that_do_not_expire_at_once() -> None:
    assert not list(goodwill_violations(2**53, None, NOW))
    assert [one.field for one in goodwill_violations(0, NOW, NOW)] == ["goodwill.points", "goodwill.expire_time"]
    assert list(goodwill_violations(2**53 + 1, NOW + timedelta(seconds=1), NOW))
