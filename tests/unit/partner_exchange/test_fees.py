"""Fees, in points and in cash."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from partner_exchange.domain.converting import convert_receive, convert_send
from partner_exchange.domain.errors import AboveMaximum, AmountTooSmall
from partner_exchange.domain.fees import Fee
from partner_exchange.domain.rates import PairRate
from tests.unit.partner_exchange.books import pair_rates

AMEX = Fee(per_point=Fraction("0.06"), maximum=9_900)
"""$0.0006 a point, at most $99, in cents."""


@pytest.mark.parametrize(
    ("points", "cents"), [(1, 1), (10_000, 600), (50_000, 3_000), (165_000, 9_900), (500_000, 9_900)]
)
def test_a_cash_fee_is_what_its_brand_published_and_rounded_up(points: int, cents: int) -> None:
    """Amex, fee on US airlines: 10,000 points cost $6, 50,000 $30, 165,000 and more $99; and a single one a cent."""
    pair = PairRate("amex", "airline", Fraction(1), cash_fee=AMEX)
    conversion = convert_send(pair, points)
    assert (conversion.received, conversion.fee, conversion.cash_fee) == (points, 0, cents)


@given(
    st.builds(
        Fee,
        st.integers(0, 20),
        st.fractions(min_value=0, max_value=2, max_denominator=30),
        st.none() | st.integers(1, 40),
    ),
    st.integers(1, 200),
    st.integers(1, 200),
)
def test_two_parts_never_cost_less_than_the_whole(fee: Fee, one: int, other: int) -> None:
    assert fee.exact(one) + fee.exact(other) >= fee.exact(one + other)
    assert fee.rounded_up(one) + fee.rounded_up(other) >= fee.rounded_up(one + other)


@given(pair_rates(), st.integers(1, 120))
def test_the_lines_of_a_conversion_add_up(pair: PairRate, send: int) -> None:
    """What the rate makes of the debited points, and the bonus, less the fee, is what arrives; the fee is exact to a
    point; and what a promotion brings is what would be missing without it.
    """
    for terms in pair.variants():
        assume(send <= pair.maximum)
        try:
            got = convert_send(terms, send)
        except AmountTooSmall:
            continue
        assert got.received == int(terms.rate * got.debited) + got.bonus - got.fee
        exact = terms.points_fee.exact(got.debited) if terms.points_fee else Fraction(0)
        assert abs(got.fee - exact) < 1
        assert got.promoted == (got.received - pair.received_for(got.debited) if terms.promotion else 0)
        assert got.promoted >= 0
        assert got.debited + got.remainder == send


ODD = st.fractions(min_value=Fraction(1, 10**9), max_value=10**9, max_denominator=10**9)


@given(ODD, st.integers(1, 2**53), st.none() | st.integers(0, 10**9))
def test_amounts_up_to_2_to_the_53_convert_exactly(rate: Fraction, send: int, fixed: int | None) -> None:
    """By whole numbers alone: what arrives is the largest one that the rate, less the fee, covers, and a point less
    sent would bring less. A float of 53 bits would be off by then.
    """
    assume(rate.numerator <= 10**9)
    fee = None if not fixed else Fee(fixed, rate / 3)
    pair = PairRate("a", "b", rate, points_fee=fee)
    numerator, denominator = rate.numerator * (2 if fee else 3), rate.denominator * 3

    def exact(debited: int) -> int:
        return max(0, debited * numerator // denominator - (fixed if fee and fixed else 0))

    try:
        got = convert_send(pair, send)
    except AmountTooSmall:
        assert exact(send) == 0
        return
    assert got.received == exact(send) == exact(got.debited)
    assert exact(got.debited - 1) < got.received
    back = convert_receive(pair, got.received)
    assert (back.debited, back.received) == (got.debited, got.received)
    with pytest.raises(AboveMaximum):
        convert_send(pair, 2**53 + 1)
