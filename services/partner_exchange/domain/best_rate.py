"""The best rate of a pair: the largest received ÷ debited over the amounts that one exchange may have.

Rounding, minimum, increment and maximum decide which ratio can really be had: at rate 0.05263158 no exchange of fewer
than 50,000,000 points beats 1/19, and a bonus threshold makes a 3:1 pair a 2.4:1 one. So the proof against arbitrage
must look at amounts, and there are up to 10^12 of them. Written in increments n, an exchange brings

    floor(p·n / q) + points · floor(n / t)        (t = increments in the bonus threshold)

A published pair's threshold converts into whole points (`book.check`), so the ratio's upper bound p/q + points/t is
reached at every multiple of t. Where no such multiple is allowed, the bonus is the same for all allowed amounts, and
what remains is the largest (floor(p·n / q) + c) / n on a range: Dinkelbach's method, each step of which is a maximum
of a linear function plus a floor of one, found by Euclid's algorithm in O(log) steps. Everything is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from partner_exchange.domain.rates import PairRate


@dataclass(frozen=True, slots=True)
class BestExchange:
    """One allowed exchange of a pair than which no other gives more for a point."""

    pair: PairRate
    debited: int
    received: int

    @property
    def rate(self) -> Fraction:
        """Received points for one debited point."""
        return Fraction(self.received, self.debited)


def best_exchange(pair: PairRate) -> BestExchange:
    """The exchange that attains the pair's best rate; the smallest such amount where that is cheap to know."""
    first, last = pair.first_step, pair.last_step
    per_step = pair.rate * pair.increment
    period = pair.bonus.threshold // pair.increment if pair.bonus else per_step.denominator
    steps = _least_multiple(period, first)
    if steps > last:
        bonus = pair.bonus_for(first * pair.increment)
        steps = best_of_range(per_step, bonus, first, last)
    debited = steps * pair.increment
    return BestExchange(pair, debited, pair.received_for(debited))


def best_of_range(rate: Fraction, constant: int, first: int, last: int) -> int:
    """An n in [first, last] with the largest (floor(rate·n) + constant) / n; the least such n if `constant` is 0."""

    def value(n: int) -> int:
        return rate.numerator * n // rate.denominator + constant

    best = first if value(first) * last >= value(last) * first else last
    while True:
        ratio = Fraction(value(best), best)
        # argmax over n of denominator·value(n) - numerator·n; 0 at `best`, so a larger one is a better ratio.
        offset = max_linear_floor(
            last - first + 1,
            rate.denominator,
            linear=-ratio.numerator,
            factor=ratio.denominator,
            slope=rate.numerator,
            shift=rate.numerator * first,
        )
        candidate = first + offset
        if value(candidate) * ratio.denominator <= ratio.numerator * candidate:
            # If floor(rate·n) / n = y/d in lowest terms then d divides n, and every multiple of d does as well.
            return best if constant else _least_multiple(ratio.denominator, first)
        best = candidate


def max_linear_floor(count: int, modulus: int, *, linear: int, factor: int, slope: int, shift: int) -> int:
    """A t in [0, count) with the largest linear·t + factor·floor((slope·t + shift) / modulus).

    The floor only changes at few t: for each of its values the best t is an end of its range, and that end is itself
    a floor of a linear function with `slope` and `modulus` exchanged, as in Euclid's algorithm.
    """
    quotient, slope = divmod(slope, modulus)
    linear += factor * quotient
    shift %= modulus
    top = (slope * (count - 1) + shift) // modulus
    if top == 0 or (linear >= 0 and factor >= 0) or (linear <= 0 and factor <= 0):
        rises = linear > 0 or (linear == 0 and factor > 0)
        return count - 1 if rises else 0

    def value(t: int) -> int:
        return linear * t + factor * ((slope * t + shift) // modulus)

    if linear < 0:  # the first t of each floor value y = 1 … top; and t = 0
        inner = modulus - shift + slope - 1
        y = max_linear_floor(top, slope, linear=factor, factor=linear, slope=modulus, shift=inner)
        candidates = (0, (modulus * y + inner) // slope)
    else:  # the last t of each floor value y = 0 … top - 1; and t = count - 1
        inner = modulus - shift - 1
        y = max_linear_floor(top, slope, linear=factor, factor=linear, slope=modulus, shift=inner)
        candidates = (count - 1, (modulus * y + inner) // slope)
    return max(candidates, key=value)


def _least_multiple(of: int, at_least: int) -> int:
    """The least positive multiple of `of` that is at least `at_least`."""
    return max(1, -(-at_least // of)) * of
