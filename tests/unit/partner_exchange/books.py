"""Rate books for the tests: small ones to enumerate, and large ones to time."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from partner_exchange.domain.rates import PairRate, ThresholdBonus

BRANDS = ("aurora", "borealis", "cirrus", "dune")


@st.composite
def pair_rates(draw: st.DrawFn, sender: str = "aurora", receiver: str = "borealis") -> PairRate:
    """A pair that `book.check` accepts and whose allowed amounts can be enumerated."""
    rate = draw(st.fractions(min_value=Fraction(1, 12), max_value=12, max_denominator=12))
    increment = draw(st.integers(1, 6))
    bonus = None
    if draw(st.booleans()):
        steps = (increment * rate).denominator * draw(st.integers(1, 3))
        bonus = ThresholdBonus(threshold=steps * increment, points=draw(st.integers(1, 8)))
    minimum = draw(st.integers(1, 40))
    least = max(minimum, -(-1 * rate.denominator // rate.numerator))
    first = -(-least // increment) * increment
    return PairRate(sender, receiver, rate, minimum, increment, first + draw(st.integers(0, 60)), bonus)


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
                bonus = base.bonus if base.bonus and base.bonus.threshold * par % 1 == 0 else None
                book.append(PairRate(sender, receiver, par, base.minimum, base.increment, maximum, bonus))
    return book


def allowed(pair: PairRate) -> list[int]:
    """Every amount that one exchange of the pair may debit."""
    return [n for n in range(pair.minimum, pair.maximum + 1) if n % pair.increment == 0]
