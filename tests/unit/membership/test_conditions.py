"""Conditions in CEL: refused where they are wrong, bounded where they are not."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from guerdon_kit.errors import FieldViolation
from membership.domain.baskets import LINES_MAX, Basket
from membership.domain.conditions import Malformed, Phrase, activation
from membership.domain.rules import RULES_MAX, violations
from tests.unit.membership.programs import PER_DOLLAR, bonus, line, rated, times


def test_what_a_condition_looks_at_is_given_to_it_however_it_is_written() -> None:
    phrase = Phrase.of("line // of the basket\n . category == 'tea' && (purchase\n.amount) > 0")
    assert {"line.category", "purchase.amount"} <= phrase.variables
    assert "member.tier" not in phrase.variables
    facts: dict[str, int | str | list[str]] = {"line.category": "tea", "purchase.amount": 1}
    assert phrase.holds(activation(facts))
    assert not phrase.holds(activation({**facts, "line.category": "milk"}))


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("purchase.amount > '5'", "1:17: found no matching overload"),
        ("purchase.amount >", "1:18: Syntax error"),
        ("line.colour == 'red'", "1:5: undeclared reference to 'line.colour'"),
        ("true &&\n  member.phone == ''", "2:9: undeclared reference to 'member.phone'"),
        ("purchase.amount", "1:1: must be of type bool, not int"),
        ("purchase.skus.all(a, purchase.skus.all(b, a != b))", "1:35: macros cannot be nested"),
        ("[1].all(a, a > 0) && [2].all(b, [3].exists(c, c > b))", "1:36: macros cannot be nested"),
        ("line.sku == 'x' && purchase.skus.exists(s, s == 'y')", "1:33: no macros where a line is looked at"),
        (" || ".join(["purchase.skus.exists(s, s == 'y')"] * 5), "at most 4 macros"),
        ("purchase.skus.exists(s, s.matches('a*'))", "regular expressions"),
        ("true ||\n  purchase.store == '\0'", "2:22: no NUL characters"),
    ],
)
def test_a_condition_that_cannot_be_one_is_refused_with_the_place(condition: str, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        Phrase.of(condition)
    assert said in str(refused.value)
    [violation] = violations(bonus("b", 1, condition=condition))
    assert violation == FieldViolation("condition", str(refused.value))


def test_a_text_is_not_read_as_a_macro_or_a_line() -> None:
    assert not Phrase.of("purchase.store == 'line.sku' && purchase.channel != '.all( .all('").of_line
    assert Phrase.of("line.sku == 'x'").of_line


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("time.weekday == 1 && time.hour == 13 && time.date == '2026-11-23'", True),
        ("time.hour >= 17", False),
        ("'shoes' in purchase.categories", True),
        ("purchase.skus.exists(sku, sku.startsWith('S-'))", True),
        ("member.days == 365 && member.tier == '' && member.year_points == 0", True),
        ("purchase.store == 'north'", True),
        ("purchase.amount / 0 > 1", False),
    ],
)
def test_conditions_look_at_purchase_line_member_and_time_in_the_programs_zone(condition: str, holds: bool) -> None:
    bought = Basket((line("a", 10_00, sku="S-1", category="shoes"),), store="north")
    assert rated([PER_DOLLAR, bonus("b", 5, condition=condition)], bought).rule_points == (5 if holds else 0)


def test_the_costliest_rules_over_a_full_basket_stall_nobody_for_long() -> None:
    """Half the rules look at each line, half of them go through all articles four times: half a second of a busy
    machine, where an unbounded condition takes that for one evaluation.
    """
    costly = ["line.sku.matches('^(a|b|c)+[0-9]{1,20}x*y*z*$')", "line.sku.matches('(x+)+y')"]
    each = " || ".join([*costly, "line.spend > 10 * line.quantity"])
    through = " && ".join(["purchase.skus.all(s, s.size() > 0 && s + s != s)"] * 4)
    rules = [times(f"t{n}", 2, condition=each) for n in range(RULES_MAX // 2 - 1)]
    rules += [bonus(f"b{n}", 1, condition=through) for n in range(RULES_MAX // 2)]
    lines = tuple(line(f"l{n}", 100, sku=f"{'abc' * 20}{n:04}") for n in range(LINES_MAX))
    rated([PER_DOLLAR, *rules], Basket(lines[:1]))  # compiled, as they are once the first purchase met them
    started = time.process_time()
    one = rated([PER_DOLLAR, *rules], Basket(lines))
    assert one.rule_points > 0
    assert time.process_time() - started < 2


def test_a_budget_ends_what_goes_through_more() -> None:
    long = replace(bonus("b", 1), condition="[" + "1," * 150 + "1].map(a, a + 1).size() > 0")
    assert not list(violations(long))
    assert rated([PER_DOLLAR, long], 1_00).rule_points == 1


@pytest.mark.parametrize(
    "condition",
    [
        "true // '\n && [1].all(a, [1].all(b, true)) // '",
        "purchase.store == r'\\' && [1].all(a, [1].all(b, true)) || purchase.store == r'\\'",
    ],
)
def test_nothing_hides_behind_a_comment_or_a_raw_text(condition: str) -> None:
    with pytest.raises(Malformed):
        Phrase.of(condition)
