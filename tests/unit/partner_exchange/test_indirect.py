"""Warnings of ways around, held against all simple paths."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, permutations

from hypothesis import given, settings

from partner_exchange.domain.arbitrage import arbitrage_of
from partner_exchange.domain.best_rate import best_exchange
from partner_exchange.domain.indirect import detours
from partner_exchange.domain.rates import PairRate
from tests.unit.partner_exchange.books import BRANDS, small_books


@settings(max_examples=60)
@given(small_books())
def test_exactly_the_pairs_that_a_way_around_beats_are_told_with_the_best_one(book: list[PairRate]) -> None:
    exchanges = [best_exchange(pair) for pair in book]
    if arbitrage_of(exchanges) is not None:
        return
    best = {(each.pair.sender, each.pair.receiver): each.rate for each in exchanges}
    beaten: dict[tuple[str, str], Fraction] = {}
    for size in range(3, len(BRANDS) + 1):
        for path in permutations(BRANDS, size):
            rate = Fraction(1)
            for step in pairwise(path):
                rate *= best.get(step, Fraction(0))
            ends = path[0], path[-1]
            if ends in best and rate > max(best[ends], beaten.get(ends, Fraction(0))):
                beaten[ends] = rate
    found = detours(exchanges)
    assert {(each.path[0], each.path[-1]): each.rate for each in found} == beaten
    for each in found:
        rate = Fraction(1)
        for step in pairwise(each.path):
            rate *= best[step]
        assert (rate, each.direct) == (each.rate, best[each.path[0], each.path[-1]])
