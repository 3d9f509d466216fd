"""The best rate of a pair: the largest received ÷ debited over the amounts that one exchange may have.

Rounding, minimum, increment, maximum, fee and cap decide which ratio can really be had: at rate 0.05263158 no exchange
of fewer than 50,000,000 points beats 1/19, and a bonus threshold makes a 3:1 pair a 2.4:1 one. So the proof against
arbitrage must look at amounts, and there are up to 2^53 of them.

Written in increments n, an exchange brings floor(rate·n - fee(n)) + bonus(n). A fee is fixed + f·n until it reaches
its maximum, and that from there on; a bonus is points · floor(n / t), and its cap from there on. So the amounts fall
into at most four ranges, in each of which an exchange brings

    floor(slope·n) + points · floor(n / t) - constant            (with or without the second term)

A published pair's threshold converts into whole points, fee deducted (`terms`): slope·t is whole. So t more increments
bring a fixed slope·t + points more, which is at least the ratio of any n: of each class of n modulo t the largest is
the best, and only the last t amounts of a range need be looked at, on which the bonus has at most two values. What
remains is the largest (floor(slope·n) + c) / n on a range: Dinkelbach's method, each step of which is a maximum of a
linear function plus a floor of one, found by Euclid's algorithm in O(log) steps. Everything is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from partner_exchange.domain.rates import PairRate


@dataclass(frozen=True, slots=True)
class BestExchange:
    """One allowed exchange of a pair than which no other gives more for a point."""

    pair: PairRate
    """The terms that it is by: the pair's own, or those under a promotion."""
    debited: int
    received: int

    @property
    def rate(self) -> Fraction:
        """Received points for one debited point."""
        return Fraction(self.received, self.debited)


@dataclass(frozen=True, slots=True)
class _Range:
    """Amounts from `first` to `last`, in increments, of which n brings floor(slope·n) + constant."""

    slope: Fraction
    constant: int
    first: int
    last: int

    @property
    def bound(self) -> Fraction:
        """No amount of the range has a larger ratio."""
        return self.slope + Fraction(self.constant, self.first if self.constant > 0 else self.last)


def best_exchange(pair: PairRate) -> BestExchange:
    """The exchange that attains the pair's best rate, at any time: promotions count as if they always were on."""
    return max((_best_of(terms) for terms in pair.variants()), key=lambda best: (best.rate, -best.debited))


def _best_of(terms: PairRate) -> BestExchange:
    best: BestExchange | None = None
    for part in _ranges(terms):
        if best is None or part.bound > best.rate * terms.increment:
            steps = best_of_range(part.slope, part.constant, part.first, part.last)
            debited = steps * terms.increment
            found = BestExchange(terms, debited, terms.received_for(debited))
            if best is None or found.rate > best.rate:
                best = found
    assert best is not None, "a pair allows an amount"
    return best


def _ranges(terms: PairRate) -> Iterator[_Range]:
    """Ranges that have an amount of the best ratio among them."""
    for whole in _by_fee(terms):
        bonus = terms.bonus
        if bonus is None:
            yield whole
            continue
        period, below = bonus.threshold // terms.increment, whole.last
        if bonus.cap is not None:
            capped = max(whole.first, -(-bonus.cap.points // bonus.points) * period)
            if capped <= whole.last:
                yield _Range(whole.slope, whole.constant + bonus.cap.points, capped, whole.last)
            below = min(below, capped - 1)
        yield from _below_the_cap(replace(whole, last=below), period, bonus.points)


def _by_fee(terms: PairRate) -> Iterator[_Range]:
    """The allowed amounts, bonus aside: while the fee grows, and once it is at its maximum."""
    slope, first, last = terms.rate * terms.increment, terms.first_step, terms.last_step
    fee = terms.points_fee
    if fee is None:
        yield _Range(slope, 0, first, last)
        return
    growth = fee.per_point * terms.increment
    if fee.maximum is not None:
        if fee.fixed >= fee.maximum:
            reached = first
        elif growth == 0:
            reached = last + 1
        else:
            reached = max(first, -((fee.fixed - fee.maximum) // growth))
        if reached <= last:
            yield _Range(slope, -fee.maximum, reached, last)
        last = min(last, reached - 1)
    if first <= last:
        yield _Range(slope - growth, -fee.fixed, first, last)


def _below_the_cap(whole: _Range, period: int, points: int) -> Iterator[_Range]:
    """What has to be looked at of a range with `points` on top for each whole `period`."""
    if whole.first > whole.last:
        return
    if whole.constant == 0 and (least := _least_multiple(period, whole.first)) <= whole.last:
        yield _Range(whole.slope, least // period * points, least, least)  # reaches slope + points / period
        return
    top = whole.last // period
    for times, first, last in ((top, top * period, whole.last), (top - 1, whole.last - period + 1, top * period - 1)):
        if (begin := max(first, whole.first)) <= last:
            yield _Range(whole.slope, whole.constant + times * points, begin, last)


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
