"""Rate books for the tests: small ones to enumerate, and large ones to time."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from math import lcm

from hypothesis import strategies as st

from partner_exchange.domain.fees import Fee
from partner_exchange.domain.rates import BonusCap, PairRate, Period, Promotion, ThresholdBonus
from partner_exchange.domain.terms import terms_violations

SPRING = datetime(2026, 3, 1, tzinfo=UTC)

BRANDS = ("aurora", "borealis", "cirrus", "dune")


@st.composite
def pair_rates(draw: st.DrawFn, sender: str = "aurora", receiver: str = "borealis") -> PairRate:
    """A pair that `terms_violations` accepts and whose allowed amounts can be enumerated."""
    rate = draw(st.fractions(min_value=Fraction(1, 12), max_value=12, max_denominator=12))
    increment = draw(st.integers(1, 6))
    fee = draw(st.none() | _fees(rate))
    bonus = draw(st.none() | _bonuses(increment * rate, increment * (fee.per_point if fee else Fraction(0)), increment))
    minimum = draw(st.integers(1, 40))
    least = max(minimum, -(-1 * rate.denominator // rate.numerator))
    first = -(-least // increment) * increment
    pair = PairRate(sender, receiver, rate, minimum, increment, first + draw(st.integers(0, 60)), bonus, fee)
    return _promoted(_reaching_a_point(pair), draw(st.integers(0, 3)))


def _promoted(pair: PairRate, kind: int) -> PairRate:
    """With one of the promotions that are never worse than the pair, where it has a threshold to build on."""
    bonus = pair.bonus and replace(pair.bonus, points=pair.bonus.points + 1, cap=None)
    offered = {1: (pair.rate * Fraction(9, 8), None), 2: (None, bonus), 3: (pair.rate * 2, bonus)}
    rate, better = offered.get(kind, (None, None))
    if rate is None and better is None:
        return pair
    promoted = replace(pair, promotions=(Promotion("spring", SPRING, SPRING + timedelta(days=9), None, rate, better),))
    return pair if any(terms_violations(promoted)) else promoted


@st.composite
def _fees(draw: st.DrawFn, rate: Fraction) -> Fee:
    per_point = rate * draw(st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(2, 5), Fraction(1)]))
    fixed = draw(st.integers(0 if per_point else 1, 3))
    return Fee(fixed, per_point, draw(st.none() | st.integers(1, 12)))


@st.composite
def _bonuses(draw: st.DrawFn, per_step: Fraction, fee_per_step: Fraction, increment: int) -> ThresholdBonus:
    steps = lcm(per_step.denominator, fee_per_step.denominator) * draw(st.integers(1, 3))
    points = draw(st.integers(1, 8))
    cap = draw(st.none() | st.integers(points, 4 * points))
    return ThresholdBonus(steps * increment, points, None if cap is None else BonusCap(cap, Period.MONTH))


def _reaching_a_point(pair: PairRate) -> PairRate:
    """With as large a maximum as it takes to buy a point without the bonus; without a fee that takes all."""
    for maximum in (pair.maximum, pair.maximum + 60, pair.maximum + 500):
        wider = replace(pair, maximum=maximum)
        if not any(terms_violations(wider)):
            return wider
    return replace(pair, points_fee=None)


@st.composite
def small_books(draw: st.DrawFn) -> list[PairRate]:
    """Two to four brands with some of their pairs, near enough to par that both verdicts are common."""
    brands = BRANDS[: draw(st.integers(2, 4))]
    worth = {brand: draw(st.sampled_from((1, 2, 3, 5))) for brand in brands}
    book = []
    for sender in brands:
        for receiver in brands:
            if sender != receiver and draw(st.integers(0, 3)):
                base = draw(pair_rates(sender, receiver))
                par = Fraction(worth[sender], worth[receiver]) * draw(st.sampled_from((Fraction(1), Fraction(9, 10))))
                maximum = max(base.maximum, -(-1 * par.denominator // par.numerator) * base.increment)
                book.append(_accepted(replace(base, rate=par, maximum=maximum)))
    return book


def _accepted(pair: PairRate) -> PairRate:
    """With as much of its bonus and its fee as a book may have with its rate."""
    plain = replace(pair, promotions=())
    kept = (pair, plain, replace(plain, bonus=None), replace(plain, bonus=None, points_fee=None))
    for terms in kept:
        if not any(terms_violations(terms)):
            return terms
    raise AssertionError(pair)


def large_book(count: int) -> list[PairRate]:
    """Every pair of `count` brands with a step, limits, a capped bonus, a fee and a promotion, at a haircut that keeps
    them safe.
    """
    rng = random.Random(1)
    worth = [rng.randint(100, 400) for _ in range(count)]
    book = []
    for i, j in permutations(range(count), 2):
        rate = Fraction(worth[i], worth[j]) * Fraction(rng.randint(700, 800), 1000)
        increment = rng.choice((1, 5, 50))
        fee = Fee(rng.randint(0, 50), rate / rng.choice((50, 100, 200)), rng.choice((None, 1000, 5000)))
        threshold = lcm((rate * increment).denominator, (fee.per_point * increment).denominator) * increment
        points = int(threshold * rate / 20) + 1
        bonus = ThresholdBonus(threshold, points, rng.choice((None, BonusCap(10**7, Period.MONTH))))
        better = Promotion("p", SPRING, SPRING + timedelta(days=9), None, None, replace(bonus, points=points + 1))
        maximum = rng.choice((10**6 + 7, 10**12))
        minimum = rng.choice((1, 1000, 3000))
        book.append(PairRate(f"b{i}", f"b{j}", rate, minimum, increment, maximum, bonus, fee, promotions=(better,)))
    return book


def allowed(pair: PairRate) -> list[int]:
    """Every amount that one exchange of the pair may debit."""
    return [n for n in range(pair.minimum, pair.maximum + 1) if n % pair.increment == 0]
