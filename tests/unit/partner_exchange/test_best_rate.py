"""The best rate of a pair, held against enumeration."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from partner_exchange.domain.best_rate import best_exchange, best_of_range, max_linear_floor
from partner_exchange.domain.fees import Fee
from partner_exchange.domain.rates import BonusCap, PairRate, Period, ThresholdBonus
from tests.unit.partner_exchange.books import allowed, pair_rates

SMALL = st.integers(-30, 30)
POSITIVE = st.integers(0, 80)


@given(st.integers(1, 40), st.integers(1, 40), st.tuples(SMALL, SMALL), st.tuples(POSITIVE, POSITIVE))
def test_the_maximum_of_a_line_and_a_floor_is_found(
    n: int, m: int, factors: tuple[int, int], line: tuple[int, int]
) -> None:
    (linear, factor), (slope, shift) = factors, line

    def value(t: int) -> int:
        return linear * t + factor * ((slope * t + shift) // m)

    found = max_linear_floor(n, m, linear=linear, factor=factor, slope=slope, shift=shift)
    assert 0 <= found < n
    assert value(found) == max(map(value, range(n)))


@given(
    st.fractions(min_value=Fraction(1, 50), max_value=50, max_denominator=50),
    st.integers(0, 20),
    st.integers(1, 60),
    st.integers(0, 120),
)
def test_the_best_ratio_of_a_range_is_found(rate: Fraction, constant: int, first: int, more: int) -> None:
    def ratio(n: int) -> Fraction:
        return Fraction(int(rate * n) + constant, n)

    found = best_of_range(rate, constant, first, first + more)
    assert first <= found <= first + more
    assert ratio(found) == max(map(ratio, range(first, first + more + 1)))


@settings(max_examples=150)
@given(pair_rates())
def test_the_best_exchange_is_allowed_and_no_allowed_one_is_better(pair: PairRate) -> None:
    best = best_exchange(pair)
    assert best.debited in allowed(pair)
    assert best.received == best.pair.received_for(best.debited)
    assert best.rate == max(Fraction(terms.received_for(n), n) for terms in pair.variants() for n in allowed(pair))


def test_a_bonus_threshold_counts() -> None:
    """Marriott Bonvoy, 3:1 with +5,000 for each 60,000: its best achievable rate is 2.4:1, not 3:1."""
    pair = PairRate("marriott", "airline", Fraction(1, 3), minimum=3_000, bonus=ThresholdBonus(60_000, 5_000))
    assert best_exchange(pair).rate == 1 / Fraction("2.4")


def test_a_bonus_that_is_out_of_reach_does_not_count() -> None:
    bonus = ThresholdBonus(60_000, 5_000)
    pair = PairRate("marriott", "airline", Fraction(1, 3), minimum=3_000, maximum=59_999, bonus=bonus)
    assert best_exchange(pair).rate == Fraction(1, 3)


def test_a_rate_that_only_large_amounts_reach_counts_only_where_they_are_allowed() -> None:
    """0.05263158 is a little above 1/19, and 50,000,000 is the first amount at which it is reached. Below that,
    rounding down keeps every amount at 1/19 or less until enough of the excess has added up.
    """
    rate = Fraction("0.05263158")
    assert best_exchange(PairRate("a", "b", rate)).rate == rate
    assert best_exchange(PairRate("a", "b", rate, maximum=1_000_000)).rate == Fraction(1, 19)


def test_a_fee_with_a_maximum_makes_large_amounts_the_best() -> None:
    """A tenth of what is sent, at most 50: of 1,000 a twentieth, of 10,000 a two-hundredth."""
    fee = Fee(per_point=Fraction(1, 10), maximum=50)
    assert best_exchange(PairRate("a", "b", Fraction(1), maximum=1_000, points_fee=fee)).rate == Fraction(19, 20)
    assert best_exchange(PairRate("a", "b", Fraction(1), maximum=10_000, points_fee=fee)).rate == Fraction(199, 200)


def test_a_cap_on_the_bonus_bounds_what_a_single_exchange_has_of_it_and_no_more() -> None:
    """What has been had in the period does not count: the next period begins with all of it again."""
    bonus = ThresholdBonus(10, 5, BonusCap(12, Period.DAY))
    assert best_exchange(PairRate("a", "b", Fraction(1), minimum=30, bonus=bonus)).rate == Fraction(42, 30)
    assert best_exchange(PairRate("a", "b", Fraction(1), bonus=bonus)).rate == Fraction(15, 10)
