"""What a purchase earns and what its returns take."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.earning import EarningRule, Rounding, Terms, explain_award, explain_return

PER_DOLLAR = EarningRule(Fraction(1, 100), Rounding.DOWN)
PER_TEN_DOLLARS = EarningRule(Fraction(1, 1000), Rounding.DOWN)


def terms(rule: EarningRule, multiplier: Fraction = Fraction(1)) -> Terms:
    return Terms(rule, multiplier)


@pytest.mark.parametrize(
    ("source", "rule", "spend", "points"),
    [
        ("coffee shop: 1 point per whole $1, $99.99", PER_DOLLAR, 99_99, 99),
        ("coffee shop: then $1", PER_DOLLAR, 1_00, 1),
        ("Square Loyalty docs: $105 at 1 point per $10", PER_TEN_DOLLARS, 105_00, 10),
        ("Square forum 22747: $21.90 at 1 point per $10", PER_TEN_DOLLARS, 21_90, 2),
        (
            "Adobe Commerce: 10 points for each full $2, a purchase of $7",
            EarningRule(Fraction(5, 100), Rounding.DOWN, spend_increment=200),
            7_00,
            30,
        ),
        ("Smile help centre: $50 + $20 - $10 coupon at 1 per $1", PER_DOLLAR, 60_00, 60),
        ("CDNOW customer 00001's only purchase, $11.77", PER_DOLLAR, 11_77, 11),
        ("nothing below the minimum", EarningRule(Fraction(1, 100), Rounding.DOWN, minimum_spend=5_00), 4_99, 0),
        ("all of it from the minimum on", EarningRule(Fraction(1, 100), Rounding.DOWN, minimum_spend=5_00), 5_00, 5),
        ("half a point is rounded up", EarningRule(Fraction(1, 100), Rounding.HALF_UP), 1_50, 2),
        ("less than half is dropped", EarningRule(Fraction(1, 100), Rounding.HALF_UP), 1_49, 1),
        ("a purchase of 0", PER_DOLLAR, 0, 0),
    ],
)
def test_published_cases_earn_what_their_sources_say(source: str, rule: EarningRule, spend: int, points: int) -> None:
    assert terms(rule).award(spend).points == points, source


def test_starbucks_tiers_earn_100_120_and_170_for_100_dollars() -> None:
    """Source: Starbucks Rewards from March 2026: $100 earns 100, 120 (Gold), 170 (Reserve) Stars."""
    multipliers = [Fraction(1), Fraction(6, 5), Fraction(17, 10)]
    awards = [terms(PER_DOLLAR, multiplier).award(100_00) for multiplier in multipliers]
    assert [award.points for award in awards] == [100, 120, 170]
    assert [award.base_points for award in awards] == [100, 100, 100]


def test_the_multiplier_works_on_the_exact_base_before_rounding() -> None:
    """$1.99 is 1.99 points; doubled 3.98, so 3 points and not 2: base 1, tier 2."""
    award = terms(PER_DOLLAR, Fraction(2)).award(1_99)
    assert (award.base_points, award.tier_points) == (1, 2)


@pytest.mark.parametrize(
    ("source", "rule", "spend", "returns", "taken"),
    [
        ("ours, strict: $10 earns 1 at 1 per $10, return $9.99", PER_TEN_DOLLARS, 10_00, [9_99], [1]),
        ("ours: one refund of $20 of the Square purchase", PER_TEN_DOLLARS, 21_90, [20_00], [2]),
        ("ours: four refunds of $5 take as much as one of $20", PER_TEN_DOLLARS, 21_90, [5_00] * 4, [1, 0, 1, 0]),
        ("Smile help centre: $60 earned, $20 refunded", PER_DOLLAR, 60_00, [20_00], [20]),
        ("all of it", PER_DOLLAR, 11_77, [11_77], [11]),
    ],
)
def test_published_returns_take_what_their_sources_say(
    source: str, rule: EarningRule, spend: int, returns: list[int], taken: list[int]
) -> None:
    frozen, so_far, returned = terms(rule), 0, 0
    for amount, expected in zip(returns, taken, strict=True):
        returned += amount
        now = frozen.taken(spend, returned) - so_far
        so_far += now
        assert now == expected, source


rules = st.builds(
    EarningRule,
    st.fractions(min_value=Fraction(1, 10**6), max_value=10, max_denominator=10**6).filter(lambda rate: rate > 0),
    st.sampled_from(Rounding),
    minimum_spend=st.integers(0, 10_000),
    spend_increment=st.integers(1, 1_000),
)
any_terms = st.builds(Terms, rules, st.fractions(min_value=1, max_value=5, max_denominator=100))
spends = st.integers(0, 10**9)


@given(any_terms, spends)
def test_integer_arithmetic_agrees_with_exact_fractions(frozen: Terms, spend: int) -> None:
    exact = frozen.rated_spend(spend) * frozen.rule.points_per_minor_unit

    def rounded(value: Fraction) -> int:
        return math.floor(value if frozen.rule.rounding is Rounding.DOWN else value + Fraction(1, 2))

    award = frozen.award(spend)
    assert award.base_points == rounded(exact)
    assert award.points == rounded(exact * frozen.multiplier)
    assert award.tier_points >= 0


@given(any_terms, spends, st.lists(st.integers(1, 10**8), max_size=6))
def test_partial_returns_take_together_what_one_return_would(frozen: Terms, spend: int, parts: list[int]) -> None:
    returned = taken = 0
    for part in parts:
        if returned + part > spend:
            break
        returned += part
        now = frozen.taken(spend, returned) - taken
        assert now >= 0
        taken += now
    assert taken == frozen.award(spend).points - frozen.award(spend - returned).points


def test_the_arithmetic_is_told() -> None:
    frozen = terms(PER_DOLLAR, Fraction(5, 4))
    assert explain_award(frozen, 11_77) == (
        "1177 of 1177 minor units x 1/100 = 1177/100, rounded down: 11 points; "
        "x 5/4 = 1177/80, rounded down: 14 points, 3 of them by the tier"
    )
    assert explain_return(14, 7, 4) == (
        "the purchase earned 14, what is kept of it 7: 7 points in all, 4 taken before: 3 points now"
    )
