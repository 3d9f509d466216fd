"""The bounds of a book's terms."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.book import check
from partner_exchange.domain.fees import Fee
from partner_exchange.domain.rates import POINTS_MAX, BonusCap, PairRate, Period, Promotion, ThresholdBonus
from tests.unit.partner_exchange.books import SPRING, allowed, pair_rates


@pytest.mark.parametrize(
    ("pair", "field"),
    [
        (PairRate("a", "a", Fraction(1)), "rate_book.pairs[0].receiver"),
        (PairRate("a", "x", Fraction(1)), "rate_book.pairs[0].receiver"),
        (PairRate("a", "b", Fraction(0)), "rate_book.pairs[0].rate"),
        (PairRate("a", "b", Fraction(1, 10**9 + 1)), "rate_book.pairs[0].rate"),
        (PairRate("a", "b", Fraction(1), minimum=-1), "rate_book.pairs[0].minimum"),
        (PairRate("a", "b", Fraction(1), increment=POINTS_MAX + 1), "rate_book.pairs[0].increment"),
        (PairRate("a", "b", Fraction(1), minimum=7, increment=5, maximum=9), "rate_book.pairs[0].maximum"),
        (PairRate("a", "b", Fraction(1, 9), maximum=8), "rate_book.pairs[0].maximum"),
        (PairRate("a", "b", Fraction(2)), "rate_book.pairs[0].maximum"),
        (PairRate("a", "b", Fraction(1, 3), bonus=ThresholdBonus(100, 1)), "rate_book.pairs[0].bonus.threshold"),
        (
            PairRate("a", "b", Fraction(1), increment=7, bonus=ThresholdBonus(100, 1)),
            "rate_book.pairs[0].bonus.threshold",
        ),
        (PairRate("a", "b", Fraction(1), bonus=ThresholdBonus(100, 0)), "rate_book.pairs[0].bonus"),
        (
            PairRate("a", "b", Fraction(1), bonus=ThresholdBonus(100, 5, BonusCap(4, Period.DAY))),
            "rate_book.pairs[0].bonus.cap",
        ),
        (PairRate("a", "b", Fraction(1), points_fee=Fee()), "rate_book.pairs[0].points_fee"),
        (PairRate("a", "b", Fraction(1), points_fee=Fee(-1)), "rate_book.pairs[0].points_fee.fixed"),
        (PairRate("a", "b", Fraction(1), points_fee=Fee(0, Fraction(2))), "rate_book.pairs[0].points_fee.per_point"),
        (PairRate("a", "b", Fraction(1), cash_fee=Fee(0, Fraction(3, 2))), "rate_book.pairs[0].cash_fee"),
        (PairRate("a", "b", Fraction(1), cash_fee=Fee(1, maximum=-1)), "rate_book.pairs[0].cash_fee.maximum"),
        (PairRate("a", "b", Fraction(1), maximum=5, points_fee=Fee(5)), "rate_book.pairs[0].maximum"),
        (PairRate("a", "b", Fraction(1), arrives_within_hours=-1), "rate_book.pairs[0].arrives_within_hours"),
        (
            PairRate("a", "b", Fraction(1), bonus=ThresholdBonus(100, 5), points_fee=Fee(0, Fraction(1, 3))),
            "rate_book.pairs[0].bonus.threshold",
        ),
    ],
)
def test_a_malformed_pair_is_refused_by_its_field(pair: PairRate, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check([pair], {"a", "b"})
    assert field in [violation.field for violation in refused.value.violations]


def test_a_pair_that_occurs_twice_is_refused() -> None:
    pair = PairRate("a", "b", Fraction(1, 2))
    with pytest.raises(InvalidField, match="INVALID_FIELD"):
        check([pair, pair], {"a", "b"})


SPRING_DAYS = (SPRING, SPRING + timedelta(days=9))


@pytest.mark.parametrize(
    ("promotion", "field"),
    [
        (Promotion("p", *SPRING_DAYS, None), "rate"),
        (Promotion("p", *SPRING_DAYS, None, rate=Fraction(1, 2)), "rate"),
        (Promotion("p", SPRING, SPRING, None, rate=Fraction(2)), "end_time"),
        (Promotion("p", *SPRING_DAYS, "x", rate=Fraction(2)), "funder"),
        (Promotion("p", *SPRING_DAYS, None, bonus=ThresholdBonus(40, 5)), "bonus"),
        (Promotion("p", *SPRING_DAYS, None, bonus=ThresholdBonus(20, 1)), "bonus"),
        (Promotion("p", *SPRING_DAYS, None, bonus=ThresholdBonus(60, 5, BonusCap(19, Period.DAY))), "bonus"),
        (Promotion("p", *SPRING_DAYS, None, bonus=ThresholdBonus(60, 5, BonusCap(99, Period.YEAR))), "bonus"),
        (Promotion("p", *SPRING_DAYS, None, rate=Fraction(10**9)), "maximum"),
    ],
)
def test_a_promotion_that_is_not_better_at_every_amount_is_refused(promotion: Promotion, field: str) -> None:
    own = ThresholdBonus(60, 5, BonusCap(20, Period.DAY))
    pair = PairRate("a", "b", Fraction(1), maximum=10**12, bonus=own, promotions=(promotion,))
    with pytest.raises(InvalidField) as refused:
        check([pair], {"a", "b"})
    assert [each.field for each in refused.value.violations] == [f"rate_book.pairs[0].promotions[0].{field}"]


@given(pair_rates(), st.integers(1, 400))
def test_under_a_promotion_no_amount_brings_less(pair: PairRate, had: int) -> None:
    """Also where some of a capped bonus was had."""
    for terms in pair.variants():
        rest = terms.after_bonuses(had)
        own = rest.own or rest
        assert all(rest.received_for(n) >= own.received_for(n) for n in allowed(pair))
