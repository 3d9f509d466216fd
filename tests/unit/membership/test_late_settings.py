"""What a program in which late events are rated anew may have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from membership.domain.availability import Availability
from membership.domain.calendar import ExpiryKind, ExpiryPolicy
from membership.domain.program import Settings, check, violations_of
from membership.domain.rules import Count, Rule
from tests.unit.membership.programs import PER_DOLLAR, bonus

WITHOUT = Settings("acme", "points", "USD", PER_DOLLAR, None, 0, (), purchase_statistics=True)
WITH = replace(WITHOUT, late_days=30)


@pytest.mark.parametrize(
    "rule",
    [
        bonus("first", 10, condition="purchases.count == 0"),
        bonus("vip", 10, condition="'vip' in member.segments"),
        bonus("tenth", 10, count=Count(pieces=False, number=10, repeats=True)),
        bonus("spring", 10, campaign="spring"),
    ],
)
def test_rules_may_ask_what_was_done_before(rule: Rule) -> None:
    assert violations_of(rule, WITH) == violations_of(rule, WITHOUT) == []


def test_activity_may_keep_points() -> None:
    check(replace(WITH, expiry=ExpiryPolicy(12, kind=ExpiryKind.SLIDING)))


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("expiry_policy", replace(PER_DOLLAR, expiry=ExpiryPolicy(3))),
        ("availability", replace(PER_DOLLAR, availability=Availability(after_days=3))),
    ],
)
def test_a_rule_has_no_times_of_its_own_where_awards_are_rated_anew(field: str, rule: Rule) -> None:
    [wrong] = violations_of(rule, WITH)
    assert wrong.field == field
    assert violations_of(rule, WITHOUT) == []
