"""What arrival decided stays decided when late events have purchases rated anew: what budgets paid for and refused, and
the segments that a member was in.
"""

from __future__ import annotations

from fractions import Fraction

from membership.domain.campaigns import Budgets
from membership.domain.late_counts import Award
from membership.domain.program import Program, Settings
from membership.domain.purchases import FrozenTerms
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Count, Outcome, Rule, Version
from membership.domain.stacking import Verdict
from membership.domain.tallies import Owed
from tests.unit.membership.programs import NOW, PER_DOLLAR, bonus, times
from tests.unit.membership.test_campaigns import campaign
from tests.unit.membership.test_late import START, Back, Books, Bought

NUMBER = 9
"""Of the campaign."""


def books(*rules: Rule, budget: int = 0) -> Books:
    """Books of a program with rules beside its point per dollar, and with a campaign that still has `budget`."""
    program = Program(1, Settings("acme", "points", "USD", PER_DOLLAR, None, 0, (), late_days=30), "UTC", START)
    versions = [Version(no, 1, no, rule, False, 0, NOW) for no, rule in enumerate((PER_DOLLAR, *rules), start=1)]
    made = Books(program, Rulebook(versions, (), [campaign("spring", NUMBER, budget=10**6)]))
    made.budgets = Budgets({NUMBER: budget})
    return made


def given(of: Books, rule_id: str) -> dict[str, int | Verdict]:
    """What a rule gave for each purchase, or why nothing."""
    found: dict[str, int | Verdict] = {}
    for purchase_id, one in of.purchases.items():
        assert isinstance(one.terms, FrozenTerms)
        [(term, points)] = [
            (term, points)
            for term, points in zip(one.terms.terms, one.terms.points, strict=True)
            if term.rule_id == rule_id
        ]
        found[purchase_id] = points or term.verdict
    return found


def spent(of: Books) -> int:
    return of.budgets.spent.get(NUMBER, 0)


def test_a_budget_goes_to_what_arrives_first_and_late_events_leave_it_there() -> None:
    of = books(bonus("gift", 20, campaign="spring"), budget=30)
    for one in (Bought("b", 20, 10_00), Bought("a", 10, 10_00), Bought("c", 5, 10_00)):
        of.buy([one])
    assert given(of, "gift") == {"b": 20, "a": Verdict.BUDGET_SPENT, "c": Verdict.BUDGET_SPENT}
    assert spent(of) == 20


def test_what_a_budget_refused_stays_refused_when_there_is_more_of_it() -> None:
    of = books(bonus("gift", 20, campaign="spring"), budget=0)
    of.buy([Bought("b", 20, 10_00)])
    of.budgets.limits[NUMBER] = 100
    of.buy([Bought("a", 10, 10_00)])
    assert given(of, "gift") == {"b": Verdict.BUDGET_SPENT, "a": 20}
    assert spent(of) == 20


def test_what_was_paid_for_is_given_again_for_nothing() -> None:
    """A first purchase that turns out to be none, and then to be one after all."""
    of = books(bonus("first", 20, campaign="spring", condition="purchases.count == 0"), budget=40)
    a = Bought("a", 10, 10_00)
    of.buy([Bought("b", 20, 10_00)])
    of.buy([a])
    assert given(of, "first") == {"b": Verdict.CONDITION, "a": 20}
    of.bring_back(Back(a, 1, 12, 0))
    assert given(of, "first") == {"b": 20, "a": 20}
    assert spent(of) == 40, "nothing is given back for what was taken back, and nothing is paid twice"


def test_what_is_worth_more_now_is_given_as_far_as_it_was_paid_for_where_the_budget_has_no_more() -> None:
    """After $100 dollars count double; the campaign doubles what they give."""
    loyal = Rule("loyal", Outcome.SPEND, Fraction(2, 100), condition="member.year_points >= 100")
    short, enough = (books(loyal, times("double", 2, campaign="spring"), budget=budget) for budget in (25, 140))
    for of in (short, enough):
        of.buy([Bought("b", 20, 20_00)])
        of.buy([Bought("a", 10, 100_00)])
    assert given(short, "loyal") == given(enough, "loyal") == {"b": 40, "a": Verdict.CONDITION}
    assert given(short, "double") == {"b": 20, "a": Verdict.BUDGET_SPENT}
    assert given(enough, "double") == {"b": 40, "a": 100}
    assert (spent(short), spent(enough)) == (20, 140)
    short.budgets.limits[NUMBER] = 1_000
    short.buy([Bought("c", 5, 1_00)])
    assert given(short, "double") == {"b": 20, "a": Verdict.BUDGET_SPENT, "c": 1}


THIRD = bonus("third", 50, campaign="spring", count=Count(pieces=False, number=3, repeats=True))


def test_an_award_for_a_count_that_was_paid_for_stands_however_the_count_is_reached() -> None:
    of = books(THIRD, budget=50)
    for purchase_id, hour in (("a", 10), ("c", 30), ("d", 40), ("b", 20)):
        of.buy([Bought(purchase_id, hour, 1_00)])
    assert dict(of.sums.counts[2].awards) == {Award("c", 50): 1}
    assert spent(of) == 50


def test_an_award_for_a_count_that_a_budget_refused_stays_owed_with_its_purchase() -> None:
    of = books(THIRD, budget=0)
    for purchase_id, hour in (("a", 10), ("b", 20), ("c", 30)):
        of.buy([Bought(purchase_id, hour, 1_00)])
    of.budgets.limits[NUMBER] = 500
    of.bring_back(Back(Bought("a", 10, 1_00), 1, 15, 50))
    assert of.sums.counts[2].owed == (Owed("c", 50, 1),)
    assert spent(of) == 0, "it was counted anew and came to the same"
    of.buy([Bought("z", 5, 1_00)])
    assert dict(of.sums.counts[2].awards) == {Award("b", 50): 1}, "the third is another, which was not refused"
    assert [one.uncovered for one in of.purchases["c"].tallies] == [False]
    assert spent(of) == 50


def test_a_purchase_keeps_the_segments_that_its_member_was_in_when_it_arrived() -> None:
    of = books(bonus("vip", 10, condition="'vip' in member.segments"))
    of.inside = ["vip"]
    of.buy([Bought("b", 20, 10_00)])
    of.inside = []
    of.buy([Bought("a", 10, 10_00)])
    of.inside = ["vip"]
    of.buy([Bought("c", 5, 10_00)])
    assert given(of, "vip") == {"b": 10, "a": Verdict.CONDITION, "c": 10}
