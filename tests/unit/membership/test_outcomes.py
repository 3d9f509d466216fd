"""What rules give that count or belong to a campaign, where that is a reward or another unit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from membership.domain.availability import Availability
from membership.domain.calendar import ExpiryPolicy
from membership.domain.campaigns import Budgets
from membership.domain.counting import count
from membership.domain.program import Settings, violations_of
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Count, Outcome, Rule
from membership.domain.tallies import Into
from tests.unit.membership.programs import PER_DOLLAR, bonus, program
from tests.unit.membership.test_campaigns import campaign, rated, versions

EACH = Count(pieces=False, number=2, repeats=True)
REWARD = Rule("cup", Outcome.REWARD, Fraction(1), reward="coffee")
CASH = bonus("cash", 300, unit="cash")
SETTINGS = Settings("acme", "points", "USD", PER_DOLLAR, None, 0, ())


def test_what_a_count_reaches_is_kept_apart_from_points_and_a_reward_is_worth_one() -> None:
    rules = [PER_DOLLAR, replace(REWARD, count=EACH), replace(CASH, count=EACH), bonus("more", 7, count=EACH)]
    book = Rulebook(versions(rules), ())
    counted = count(book, rated(program(rules), book, [1, 2, 3, 4]), dict(enumerate("abcd")), {}, Budgets())
    awards = [{tally.rule_no: tally.awards for tally in one.tallies if tally.awards} for one in counted.rated]
    assert awards == [{}, {2: (1,), 3: (300,), 4: (7,)}] * 2
    frozen = counted.rated[1].frozen
    assert frozen is not None
    assert [frozen.into(no) for no in (2, 3, 4)] == [Into(2, "", "coffee"), Into(3, "cash", ""), Into(4)]
    assert (frozen.count_points(counted.rated[1].tallies), counted.rated[1].points) == (7, 10)


@pytest.mark.parametrize(
    ("budget", "given"),
    [
        (0, [(10, 300, 1)] * 3),
        (2, [(10, 300, 1), (10, 0, 0), (10, 0, 0)]),
        (3, [(10, 300, 1), (10, 0, 0), (10, 0, 0)]),  # a purchase gets all that the campaign would give it, or none
        (4, [(10, 300, 1), (10, 300, 1), (10, 0, 0)]),
    ],
)
def test_a_budget_of_awards_counts_each_rule_that_gives_something_once(
    budget: int, given: list[tuple[int, int, int]]
) -> None:
    rules = [PER_DOLLAR, replace(CASH, campaign="spring"), replace(REWARD, campaign="spring")]
    spring = replace(campaign("spring", 9, budget=budget), counts_awards=budget > 0)
    limits = Budgets({9: budget} if budget else {})
    found = rated(program(rules), Rulebook(versions(rules), (), [spring]), [1, 2, 3], limits)
    got = []
    for one in found:
        assert one.frozen is not None
        by_rule = dict(one.frozen.by_rule())
        got.append((one.points, by_rule.get(2, 0), by_rule.get(3, 0)))
        assert one.frozen.by_campaigns() == ({"spring": 0} if by_rule.get(2) else {})
    assert got == given
    assert limits.spent == ({9: 2 * sum(cash > 0 for _, cash, _ in given)} if budget else {})


def test_a_budget_of_points_is_for_rules_that_give_points() -> None:
    free, points = campaign("c", 1), campaign("c", 1, budget=5)
    awards = replace(points, counts_awards=True)
    of_points = bonus("b", 5)
    assert [[one.covers(rule) for rule in (of_points, CASH, REWARD)] for one in (free, points, awards)] == [
        [True, True, True],
        [True, False, False],
        [True, True, True],
    ]
    assert [(points.measure(given), awards.measure(given)) for given in (0, 1, 50)] == [(0, 0), (1, 1), (50, 1)]


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        (replace(REWARD, count=EACH), []),
        (replace(REWARD, campaign="spring"), []),
        (replace(CASH, count=EACH, campaign="spring"), []),
        (replace(REWARD, unit="cash"), ["reward"]),
        (replace(REWARD, expiry=ExpiryPolicy(3)), ["reward"]),
        (replace(CASH, count=EACH, availability=Availability(after_days=3)), ["count"]),
        (replace(PER_DOLLAR, count=EACH), ["count"]),
    ],
)
@pytest.mark.parametrize("late_days", [0, 30])
def test_what_a_rule_gives_goes_with_a_count_and_a_campaign_with_or_without_a_lateness_window(
    rule: Rule, fields: list[str], late_days: int
) -> None:
    assert [one.field for one in violations_of(rule, replace(SETTINGS, late_days=late_days))] == fields


def test_times_of_its_own_are_a_units_alone_where_awards_are_rated_anew() -> None:
    late, soon = replace(SETTINGS, late_days=30), Availability(after_days=3)
    assert violations_of(replace(CASH, availability=soon, expiry=ExpiryPolicy(3)), late) == []
    assert [one.field for one in violations_of(bonus("b", 5, availability=soon), late)] == ["availability"]
