"""Campaigns and rules that count, without a service: windows, held-out groups, budgets, bundles, counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.baskets import Basket, parts
from membership.domain.campaigns import Budgets, Campaign
from membership.domain.clawbacks import CameBack, kept, taken
from membership.domain.counting import count
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, State
from membership.domain.rating import Entry, Rated, Scene, rate
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import BundleItem, Count, Outcome, Rule, Version
from membership.domain.stacking import Candidate, Kept, Term, Verdict, qualified
from membership.domain.tallies import AWARDS_MAX, OWED_MAX, Counting, Given, Owed, fall, joined, number_of, reach
from tests.unit.membership.programs import NOW, PER_DOLLAR, bonus, frozen, line, program, times

ADA = Member(7, "ada", State.POSTED, datetime(2025, 11, 23, tzinfo=UTC), 0, None)


def campaign(campaign_id: str, number: int, start: int = 0, end: int | None = None, **more: int) -> Campaign:
    budget, holdout = more.get("budget", 0), Fraction(more.get("percent", 0), 100)
    return Campaign(number, number, campaign_id, "", start, end, budget, holdout, archived=False, create_time=NOW)


def versions(rules: Sequence[Rule]) -> list[Version]:
    return [Version(no, 1, no, rule, False, 0, NOW) for no, rule in enumerate(rules, start=1)]


def rated(of: Program, book: Rulebook, moments: Sequence[int], budgets: Budgets | None = None) -> list[Rated]:
    """Purchases of $10 by one member at moments in microseconds."""
    scene = Scene({}, {7: ADA}, {}, budgets or Budgets())
    return rate(of, book, [Entry(at, place, 7, 10_00) for place, at in enumerate(moments)], {}, scene)


def test_a_program_rates_plainly_outside_of_its_campaigns_windows() -> None:
    rules = [PER_DOLLAR, bonus("gift", 5, campaign="spring")]
    book = Rulebook(versions(rules), (), [campaign("spring", 9, 100, 200)])
    assert [book.at(at).plain is None for at in (99, 100, 199, 200)] == [False, True, True, False]
    assert (book.revision, book.plain) == (9, False)
    assert [one.points for one in rated(program(rules), book, [99, 100, 199, 200])] == [10, 15, 15, 10]


def test_about_the_share_is_held_out_and_a_greater_share_holds_out_the_same_and_more() -> None:
    before: set[str] = set()
    for percent, about in [(0, 0), (1, 20), (10, 200), (50, 1_000), (99, 1_980)]:
        one = campaign("c", 1, percent=percent)
        out = {f"m{no}" for no in range(2_000) if one.holds_out("programs/acme", f"m{no}")}
        assert before <= out
        assert abs(len(out) - about) <= 2 * about**0.5
        before = out
    other = {f"m{no}" for no in range(2_000) if campaign("d", 1, percent=99).holds_out("programs/acme", f"m{no}")}
    assert other != before, "another campaign has other groups"


def test_what_a_budget_does_not_cover_is_not_given_at_all_and_another_rule_may_win() -> None:
    rules = [
        PER_DOLLAR,
        times("three", 3, campaign="a", exclusive=True),
        times("two", 2, campaign="b"),
        bonus("gift", 4, campaign="a"),
    ]
    book = Rulebook(versions(rules), (), [campaign("a", 5, budget=50), campaign("b", 6, budget=50)])
    budgets = Budgets({5: 30, 6: 15})
    purchases = rated(program(rules), book, [1, 2, 3], budgets)
    assert [one.points for one in purchases] == [10 + 20 + 4, 10 + 10, 10]
    assert budgets.spent == {5: 24, 6: 10}
    assert (budgets.least, budgets.covers(6, 5), budgets.covers(6, 6)) == ({5: 24, 6: 10}, True, False)
    verdicts = [{term.rule_id: term.verdict for term in one.frozen.terms} for one in purchases if one.frozen]
    assert verdicts[0]["two"] is Verdict.EXCLUDED
    assert verdicts[1] == {
        "base": Verdict.APPLIED,
        "three": Verdict.BUDGET_SPENT,
        "two": Verdict.APPLIED,
        "gift": Verdict.BUDGET_SPENT,
    }


def test_a_purchase_counts_whether_or_not_the_budget_covers_the_other_rules_of_the_campaign() -> None:
    every_second = bonus("second", 3, campaign="a", count=Count(False, 2, True))
    for rules in ([PER_DOLLAR, every_second], [PER_DOLLAR, every_second, bonus("gift", 10, campaign="a")]):
        book = Rulebook(versions(rules), (), [campaign("a", 5, budget=5)])
        budgets = Budgets({5: 5})
        counted = count(book, rated(program(rules), book, [1, 2], budgets), {0: "p0", 1: "p1"}, {}, budgets)
        assert counted.counting == {(7, 2): Counting(2, 1)}
        assert (budgets.spent, [one.points for one in counted.rated]) == ({5: 3}, [10, 10])


ITEMS = (BundleItem("suit", "", 1), BundleItem("", "ties", 2))
DRESSED = Basket(
    (
        line("a", 80_00, sku="suit"),
        line("b", 10_00, 3, category="ties"),
        line("c", 5_00, sku="socks", category="socks"),
    )
)


@pytest.mark.parametrize(
    ("back", "points"),
    [({}, 0), ({"b": 1}, 0), ({"c": 1}, 0), ({"b": 2}, 500), ({"a": 1}, 500), ({"a": 1, "b": 3}, 500)],
)
def test_a_bundle_is_taken_back_once_what_is_kept_has_not_all_of_it(back: dict[str, int], points: int) -> None:
    terms = frozen([PER_DOLLAR, bonus("set", 500, bundle=ITEMS)], DRESSED)
    assert terms.points[-1] == 500
    came = CameBack(back)
    earned = sum(int(kept(terms.parts, came).shares[at] * part.net) for at, part in enumerate(terms.parts)) // 100
    assert taken(terms.terms, terms.parts, came, mild=False) == 115 - earned + points


def counted_term(rule: Rule, basket: Basket) -> tuple[Term, FrozenTerms]:
    every = parts(basket, basket.total)
    candidate = Candidate(versions([rule])[0], lambda _: True)
    return qualified(candidate, every, lambda _, place: every[place].net), FrozenTerms(basket, every, (), ())


CARD = Rule("card", Outcome.PIECE, Fraction(1), count=Count(True, 10, True))
"""The tenth piece free."""


def bought(rule: Rule, basket: Basket, before: Counting, purchase_id: str = "p") -> tuple[list[Owed], Counting]:
    """The awards that a purchase is given, and what is counted then."""
    term, terms = counted_term(rule, basket)
    assert rule.count is not None
    after = reach(term, rule.count, terms.parts, before, purchase_id)
    assert after is not None
    return after.give()


@given(st.integers(2, 12), st.lists(st.integers(1, 300), max_size=20), st.booleans())
def test_awards_are_those_that_all_pieces_together_reach_whatever_the_baskets(
    number: int, baskets: list[int], repeats: bool
) -> None:
    rule = bonus("card", 5, count=Count(True, number, repeats))
    standing, points = Counting(), 0
    for pieces in baskets:
        awards, standing = bought(rule, Basket((line("a", 1_00, pieces),)), standing)
        assert len(awards) <= AWARDS_MAX
        points += sum(award.points for award in awards)
    whole = sum(baskets)
    due = whole // number if repeats else int(whole >= number)
    assert (standing.counted, standing.reached, points) == (whole, due, 5 * standing.given)


def test_the_piece_that_completes_the_card_is_worth_what_was_paid_for_it() -> None:
    rule = Rule("card", Outcome.PIECE, Fraction(1, 3), count=Count(True, 3, True))
    basket = Basket((line("a", 3_00, 2), line("b", 4_00, 3, discount=2_00)))
    awards, after = bought(rule, basket, Counting(2, 0))
    # The first of all, at $3.00, is the third; the sixth is the second of the others, at (12 - 2)/3.
    assert (after.counted, [award.points for award in awards]) == (7, [100, 111])


def test_awards_that_wait_keep_the_worth_that_they_were_reached_with() -> None:
    awards, after = bought(CARD, Basket((line("a", 10, 400),)), Counting(), "many")
    assert ([award.points for award in awards], after) == ([10] * 20, Counting(400, 20, (Owed("many", 10, 20),)))
    awards, after = bought(CARD, Basket((line("a", 100_00),)), after, "dear")
    assert (awards, after) == ([Owed("many", 10, 1)] * 20, Counting(401, 40))


def test_what_only_merged_members_reach_takes_a_piece_of_its_own() -> None:
    merged = Counting(27, 0)  # thrice nine
    awards, after = bought(CARD, Basket((line("a", 500_00),)), merged)
    assert ([award.points for award in awards], after) == ([500_00], Counting(28, 1))
    awards, after = bought(CARD, Basket((line("a", 3_00, 3),)), after)
    assert ([award.points for award in awards], after) == ([3_00] * 2, Counting(31, 3))


def test_awards_of_what_came_back_fall_first_then_those_worth_most() -> None:
    given = [Given(7, "cheap", 10), Given(6, "dear", 500_00), Given(5, "dear", 20)]
    by = Count(True, 10, True)

    def fallen(counted: int, purchase_id: str, owed: tuple[Owed, ...] = ()) -> tuple[list[int], tuple[Owed, ...]]:
        taken, left = fall(by, Counting(counted, 3, owed), given, purchase_id)
        assert left.given == 3 - len(taken)
        return taken, left.owed

    assert fallen(30, "dear") == ([], ())
    assert fallen(29, "dear") == ([6], ())
    assert fallen(29, "cheap") == ([7], ())
    assert fallen(29, "another") == ([6], ())
    assert fallen(9, "dear") == ([6, 5, 7], ())
    waiting = (Owed("later", 500_00, 2), Owed("dear", 600_00, 2))
    assert fallen(69, "another", waiting) == ([], (waiting[0], Owed("dear", 600_00, 1)))
    assert fallen(40, "later", waiting) == ([], (Owed("dear", 600_00, 1),))
    assert fallen(50, "cheap", waiting) == ([7], (waiting[0], Owed("dear", 600_00, 1)))


def test_what_is_owed_is_bounded_and_joined_at_the_lowest_worth() -> None:
    owed = joined(Owed(f"p{number}", 1_000 - number, 1) for number in range(OWED_MAX + 5))
    assert (len(owed), sum(one.awards for one in owed)) == (OWED_MAX, OWED_MAX + 5)
    assert owed[-1].points == 1_000 - (OWED_MAX + 4)


def test_what_is_kept_of_a_purchase_counts_by_its_pieces_or_as_a_whole() -> None:
    basket = Basket((line("a", 10_00, 3),))
    by_piece, terms = counted_term(bonus("p", 1, count=Count(True, 2, True)), basket)
    whole, _ = counted_term(bonus("w", 1, count=Count(False, 2, True), minimum_spend=15_00), basket)
    for back, pieces, purchases in [({}, 3, 1), ({"a": 1}, 2, 1), ({"a": 2}, 1, 0), ({"a": 3}, 0, 0)]:
        left: Kept = kept(terms.parts, CameBack(back))
        assert number_of(by_piece, pieces=True, kept=left) == pieces
        assert number_of(whole, pieces=False, kept=left) == purchases
