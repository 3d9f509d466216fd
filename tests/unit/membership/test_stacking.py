"""How rules stack on a basket, and what its returns take."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.baskets import Basket, allocate, parts
from membership.domain.clawbacks import Asked, CameBack, returned_amount, taken, together
from membership.domain.earning import Rounding, Terms
from membership.domain.rating import Use
from membership.domain.rules import Eligibility, Outcome, Period, Rule
from membership.domain.stacking import Kept, Verdict, give
from tests.unit.membership.programs import NOW, PER_DOLLAR, bonus, frozen, line, rated, times
from tests.unit.membership.programs import given as points_of

NO_GIFT_CARDS = Eligibility(excluded_categories=("gift-cards",))
BY_HAND = [
    replace(PER_DOLLAR, eligibility=NO_GIFT_CARDS),
    Rule(
        "shoes", Outcome.SPEND, Fraction(3, 100), condition="line.category == 'shoes'", caps=((Period.PURCHASE, 150),)
    ),
    times("monday", 2, condition="time.weekday == 1"),
    bonus("over-100", 500, minimum_spend=100_00, eligibility=NO_GIFT_CARDS),
]
BASKET_BY_HAND = Basket(
    lines=(
        line("a", 80_00, category="shoes"),
        line("b", 30_00, 2, category="shirts"),
        line("c", 20_00, category="gift-cards"),
    ),
    order_discounts=(16_00,),
    points=14_40,
)


def test_a_basket_worked_out_by_hand() -> None:
    """$80 + $60 + $20, a coupon of $16: $72 + $54 + $18. $14.40 of it by points: $64.80 + $48.60 + $16.20 in money.

    Base, 1 per $1 but for gift cards: 48.6 of the shirts, since shoes get 3 per $1: 194.4, at most 150. The tier's 5/4
    adds a quarter of 243, 60.75; twice on Mondays 243. Running total 48.6, 198.6, 259.35, 502.35: so 48, 150, 61 and
    243. $113.40 is over $100: 500 more, 1,002 in all.
    """
    terms = frozen(BY_HAND, BASKET_BY_HAND, Fraction(5, 4))
    assert [(part.net, part.points) for part in terms.parts] == [(72_00, 7_20), (54_00, 5_40), (18_00, 1_80)]
    assert points_of(terms) == {"base": 48, "shoes": 150, "": 61, "monday": 243, "over-100": 500}
    assert (terms.award.base_points, terms.award.tier_points, terms.award.rule_points) == (198, 61, 743)


def test_three_partial_returns_of_it_by_hand() -> None:
    """One shirt: $89.10 is not over $100, and of 24.3 + 150 + 54.675 + 218.7 = 447.675 are left 447: 555 are taken.
    Then $11.70 of the $117 left, a tenth of all: 21.87 + 150 + 49.2075 + 196.83 = 417.9075, 30 more. Then the shoes:
    of the shirt 24.3 x (1 - 11.70 / 45) = 17.982, + 4.4955 + 17.982 = 40.4595, 377 more. Then the rest, 40.
    """
    terms = frozen(BY_HAND, BASKET_BY_HAND, Fraction(5, 4))
    steps = [
        (Asked("r1", "p", NOW, 0, (("b", 1),)), 27_00, 555),
        (Asked("r2", "p", NOW, 11_70), 11_70, 30),
        (Asked("r3", "p", NOW, 0, (("a", 1),)), 72_00, 377),
        (Asked("r4", "p", NOW, 0, whole=True), 33_30, 40),
    ]
    back, refunded, so_far = CameBack(), 0, 0
    for asked, amount, points in steps:
        back = together(back, asked)
        now = returned_amount(terms.parts, back)
        took = taken(terms.terms, terms.parts, back, mild=False)
        assert (now - refunded, took - so_far) == (amount, points), asked.return_id
        refunded, so_far = now, took


def one_line(amount: int) -> Basket:
    return Basket((line("a", amount),))


ADOBE = Rule("base", Outcome.SPEND, Fraction(5, 100), spend_increment=200)
SMILE = Basket((line("fifty", 50_00), line("twenty", 20_00)), order_discounts=(10_00,))


@pytest.mark.parametrize(
    ("source", "rules", "bought", "points"),
    [
        ("coffee shop, $99.99", [PER_DOLLAR], one_line(99_99), 99),
        ("Square Loyalty docs", [replace(PER_DOLLAR, rate=Fraction(1, 1000))], one_line(105_00), 10),
        ("Adobe Commerce, 10 points for each full $2, $7", [ADOBE], one_line(7_00), 30),
        ("Smile help centre, $50 + $20 - $10 coupon", [PER_DOLLAR], SMILE, 60),
        ("2x and 3x make 4x", [PER_DOLLAR, times("two", 2), times("three", 3)], one_line(1_99), 7),
        ("an exclusive 3x wins over 2x", [PER_DOLLAR, times("x", 3, exclusive=True), times("y", 2)], one_line(10_00),
        30), ("2x and 3x win over an exclusive 3x", [PER_DOLLAR, times("x", 3, exclusive=True), times("y", 2),
         times("z",
        3)],
         one_line(10_00), 40),
        ("a bonus is not multiplied", [PER_DOLLAR, times("two", 2), bonus("b", 5)], one_line(10_00), 25),
        ("two base rules never add up", [PER_DOLLAR, replace(PER_DOLLAR, rule_id="more", rate=Fraction(2, 100))],
         one_line(10_00), 20),
        ("a visit stands against all lines", [PER_DOLLAR, Rule("visit", Outcome.VISIT, Fraction(15))], SMILE, 60),
        ("and wins where it gives more", [PER_DOLLAR, Rule("visit", Outcome.VISIT, Fraction(61))], SMILE, 61),
        ("pieces", [Rule("items", Outcome.ITEM, Fraction(3))], Basket((line("a", 100, 2), line("b", 100, 3))), 15),
        ("lines", [Rule("lines", Outcome.LINE, Fraction(3))], Basket((line("a", 100, 2), line("b", 100, 3))), 6),
        ("each line rounded on its own", [replace(PER_DOLLAR, round_each_line=True)],
         Basket((line("a", 1_50), line("b", 1_50))), 2),
        ("the order rounded as a whole", [PER_DOLLAR], Basket((line("a", 1_50), line("b", 1_50))), 3),
        ("before the discount", [replace(PER_DOLLAR, eligibility=Eligibility(before_discount=True))], SMILE, 70),
        ("tax and shipping earn nothing", [PER_DOLLAR], Basket((line("a", 10_00),), tax=1_00, shipping=5_00), 10),
        ("unless the rule says so", [replace(PER_DOLLAR, eligibility=Eligibility(tax=True, shipping=True))],
         Basket((line("a", 10_00),), tax=1_00, shipping=5_00), 16),
        ("gift cards pay without earning", [PER_DOLLAR], Basket((line("a", 10_00),), gift_cards=4_00), 6),
        ("unless the rule says so", [replace(PER_DOLLAR, eligibility=Eligibility(gift_cards=True))],
         Basket((line("a", 10_00),), gift_cards=4_00), 10),
    ],
)  # fmt: skip
def test_cases_earn_what_their_sources_say(source: str, rules: list[Rule], bought: Basket, points: int) -> None:
    assert rated(rules, bought).points == points, source


@pytest.mark.parametrize(
    ("source", "rules", "bought", "back", "strict", "mild"),
    [
        *[
            ("Square forum 22747", [replace(PER_DOLLAR, rate=Fraction(1, 1000))], one_line(21_90),
            CameBack(amount=back),
             strict, mild)
            for back, strict, mild in [(1_00, 0, 0), (5_00, 1, 0), (10_00, 1, 1), (20_00, 2, 2), (21_90, 2, 2)]
        ],
        ("$10 earns 1 at 1 per $10, return $9.99", [replace(PER_DOLLAR, rate=Fraction(1, 1000))], one_line(10_00),
         CameBack(amount=9_99), 1, 0),
        ("500 over $100: buy $101, return $51", [bonus("b", 500, minimum_spend=100_00)], one_line(101_00),
         CameBack(amount=51_00), 500, 500),
        ("cap 100 on a $500 order, return $100", [replace(PER_DOLLAR, caps=((Period.PURCHASE, 100),))],
        one_line(500_00),
         CameBack(amount=100_00), 0, 0),
        ("Smile: the $20 item comes back by line", [PER_DOLLAR], SMILE, CameBack({"twenty": 1}), 18, 17),
        ("Smile: $20 is refunded", [PER_DOLLAR], SMILE, CameBack(amount=20_00), 20, 20),
    ],
)  # fmt: skip
def test_returns_take_what_their_sources_say(
    source: str, rules: list[Rule], bought: Basket, back: CameBack, strict: int, mild: int
) -> None:
    terms = frozen(rules, bought)
    assert taken(terms.terms, terms.parts, back, mild=False) == strict, source
    assert taken(terms.terms, terms.parts, back, mild=True) == mild, source


def test_a_rule_that_gave_nothing_does_not_make_a_mild_program_strict() -> None:
    """Thresholds are held to strictly where they were reached: this one was not."""
    beside = Rule("big", Outcome.SPEND, Fraction(5, 100), minimum_spend=500_00)
    terms = frozen([replace(PER_DOLLAR, rate=Fraction(1, 1000)), beside], one_line(21_90))
    assert taken(terms.terms, terms.parts, CameBack(amount=5_00), mild=True) == 0


def test_a_cap_of_a_day_counts_all_purchases_of_the_day_in_the_programs_zone() -> None:
    rules, uses = [replace(PER_DOLLAR, caps=((Period.DAY, 100),))], dict[Use, int]()
    late = NOW.replace(hour=23)  # 18:00 in New York
    assert [rated(rules, 60_00, when=when, uses=uses).points for when in (NOW, late, late, late)] == [60, 40, 0, 0]
    past_midnight = NOW.replace(hour=4, minute=59) + timedelta(days=1)
    assert rated(rules, 60_00, when=past_midnight, uses=uses).points == 0
    assert rated(rules, 60_00, when=past_midnight + timedelta(minutes=1), uses=uses).points == 60


def test_a_cooldown_begins_with_an_award_and_ends_at_its_last_second() -> None:
    rules, uses = [PER_DOLLAR, bonus("daily", 5, cooldown_s=3600)], dict[Use, int]()
    times_ = [timedelta(0), timedelta(minutes=59, seconds=59), timedelta(hours=1), timedelta(minutes=90)]
    assert [rated(rules, 1_00, when=NOW + after, uses=uses).points for after in times_] == [6, 1, 6, 1]


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (bonus("other", 5, condition="purchase.channel == 'web'"), Verdict.CONDITION),
        (bonus("other", 5, condition="purchase.amount / 0 == 1"), Verdict.CONDITION),
        (bonus("other", 5, minimum_spend=10_01), Verdict.BELOW_MINIMUM),
        (replace(PER_DOLLAR, rule_id="other", rate=Fraction(1, 200)), Verdict.OUTBID),
        (times("other", 2, condition="line.category == 'shoes'"), Verdict.CONDITION),
        (Rule("other", Outcome.ITEM, Fraction(1)), Verdict.APPLIED),
    ],
)
def test_a_rule_that_gives_nothing_says_why(rule: Rule, verdict: Verdict) -> None:
    worth = Rule("other", Outcome.ITEM, Fraction(1_000)) if rule.outcome is Outcome.ITEM else rule
    terms = frozen([PER_DOLLAR, worth], one_line(10_00))
    [told] = [term.verdict for term in terms.terms if term.rule_id == "other"]
    assert told is verdict


rates = st.fractions(Fraction(1, 1000), Fraction(2), max_denominator=1000)
minimums = st.sampled_from([0, 0, 50_00, 150_00])
tiers = st.sampled_from([Fraction(1), Fraction(5, 4), Fraction(2)])


@given(
    rates,
    st.sampled_from(Rounding),
    minimums,
    st.sampled_from([1, 200]),
    tiers,
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_an_amount_earns_and_gives_back_by_the_plain_arithmetic_as_by_the_stacked(
    rate: Fraction, rounding: Rounding, minimum: int, increment: int, tier: Fraction, amount: int, part: int, mild: bool
) -> None:
    """Imports rate by integers what one plain rule is enough for: it is the same."""
    rule = replace(PER_DOLLAR, rate=rate, rounding=rounding, minimum_spend=minimum, spend_increment=increment)
    plain = rated([rule], amount, tier)
    stacked = frozen([rule, bonus("never", 1, condition="purchase.amount < 0")], amount, tier)
    assert (plain.base_points, plain.tier_points) == (stacked.award.base_points, stacked.award.tier_points)
    back, arithmetic = min(part, amount), rule.plain()
    assert arithmetic is not None
    assert Terms(arithmetic, tier).taken(amount, back, mild=mild) == taken(
        stacked.terms, stacked.parts, CameBack(amount=back), mild=mild
    )


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_largest_remainder_spreads_all_of_it_within_one_of_the_exact_share(amount: int, weights: list[int]) -> None:
    if not sum(weights):
        amount = 0
    shares = allocate(amount, weights)
    assert sum(shares) == amount
    assert all(
        abs(share - Fraction(amount * weight, sum(weights) or 1)) < 1
        for share, weight in zip(shares, weights, strict=True)
    )


def test_points_beyond_the_lines_pay_shipping_then_tax() -> None:
    bought = Basket((line("a", 10_00),), tax=2_00, shipping=3_00, points=14_00)
    assert [(part.net, part.points) for part in parts(bought, bought.total)] == [
        (10_00, 10_00),
        (3_00, 3_00),
        (2_00, 1_00),
    ]


def test_all_of_a_purchase_kept_is_what_was_awarded() -> None:
    terms = frozen(BY_HAND, BASKET_BY_HAND, Fraction(5, 4))
    assert give(terms.terms, Kept.all_of(terms.parts)) == terms.points
