"""A program in which late events are rated anew has nothing that goes by the order of arrival."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guerdon_kit.errors import InvalidField
from membership.domain.calendar import ExpiryKind, ExpiryPolicy
from membership.domain.program import Settings, check, violations_of
from membership.domain.rules import Count, Rule
from tests.unit.membership.programs import PER_DOLLAR, bonus

WITHOUT = Settings("acme", "points", "USD", PER_DOLLAR, None, 0, (), purchase_statistics=True)
WITH = replace(WITHOUT, late_days=30)

BY_ARRIVAL = [
    ("condition", bonus("first", 10, condition="purchases.count == 0")),
    ("condition", bonus("vip", 10, condition="'vip' in member.segments")),
    ("condition", bonus("any", 10, condition="size(member.segments) > 1")),
]


@pytest.mark.parametrize(("field", "rule"), BY_ARRIVAL)
def test_a_rule_that_goes_by_arrival_is_refused_where_late_events_are_rated_anew(field: str, rule: Rule) -> None:
    [wrong] = violations_of(rule, WITH)
    assert wrong.field == field
    assert "late events are rated anew" in wrong.description
    assert violations_of(rule, WITHOUT) == []


def test_the_first_rule_of_a_program_is_held_to_the_same() -> None:
    first = replace(PER_DOLLAR, condition="purchases.spend > 100")
    check(replace(WITHOUT, rule=first))
    with pytest.raises(InvalidField) as refused:
        check(replace(WITH, rule=first))
    assert [one.field for one in refused.value.violations] == ["program.earning_rule.condition"]


def test_other_rules_and_texts_that_only_look_alike_are_welcome() -> None:
    tenth = bonus("tenth", 10, count=Count(pieces=False, number=10, repeats=True))
    assert violations_of(tenth, WITH) == violations_of(bonus("spring", 10, campaign="spring"), WITH) == []
    alike = bonus("alike", 10, condition="purchase.store == 'member.segments purchases.count' && member.days > 3")
    assert violations_of(alike, WITH) == []


def test_points_that_activity_keeps_are_refused_where_late_events_are_rated_anew() -> None:
    slides = ExpiryPolicy(12, kind=ExpiryKind.SLIDING)
    check(replace(WITHOUT, expiry=slides))
    with pytest.raises(InvalidField) as refused:
        check(replace(WITH, expiry=slides))
    [wrong] = refused.value.violations
    assert wrong.field == "program.expiry_policy.kind"
    assert "late events are rated anew" in wrong.description
    check(replace(WITH, expiry=ExpiryPolicy(12)))
