"""No arbitrage: an accepted book cannot be played, and a refused one shows how it is."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings

from partner_exchange.domain.arbitrage import find_arbitrage
from partner_exchange.domain.errors import ArbitrageFound
from partner_exchange.domain.partners import RATE_MOVE_MAX
from partner_exchange.domain.proof import NONE_BEFORE, Before, prove
from partner_exchange.domain.rates import POINTS_MAX, PairRate, ThresholdBonus
from tests.unit.partner_exchange.books import allowed, large_book, small_books
from tests.unit.partner_exchange.playing import gains


def is_profitable(book: list[PairRate]) -> bool:
    """By enumeration: whether a simple cycle's best allowed amounts multiply to more than one."""
    best: dict[tuple[str, str], Fraction] = {}
    for pair in book:
        rates = (Fraction(terms.received_for(n), n) for terms in pair.variants() for n in allowed(pair))
        key = pair.sender, pair.receiver
        best[key] = max(best.get(key, Fraction(0)), *rates)
    brands = sorted({brand for pair in best for brand in pair})
    for size in range(2, len(brands) + 1):
        for chosen in combinations(brands, size):
            for cycle in permutations(chosen):
                product = Fraction(1)
                for step in pairwise((*cycle, cycle[0])):
                    product *= best.get(step, Fraction(0))
                if product > 1:
                    return True
    return False


@settings(max_examples=100)
@given(small_books())
def test_exactly_the_profitable_books_are_refused_and_the_amounts_shown_really_gain(book: list[PairRate]) -> None:
    found = find_arbitrage(book)
    assert (found is not None) == is_profitable(book)
    if found is not None:
        assert gains(book, found)


def test_par_rates_there_and_back_are_no_arbitrage() -> None:
    """Nectar and Avios until November 2022: 400 to 250 and back exactly."""
    there = PairRate("nectar", "avios", Fraction(250, 400), minimum=400, increment=400)
    back = PairRate("avios", "nectar", Fraction(400, 250), minimum=250, increment=250)
    assert find_arbitrage([there, back]) is None


def test_a_rate_rounded_up_in_its_last_place_is_arbitrage() -> None:
    """0.05263158 one way and 19 the other: 19 times 0.05263158 is more than 1."""
    book = [PairRate("a", "b", Fraction("0.05263158")), PairRate("b", "a", Fraction(19), maximum=POINTS_MAX // 19)]
    found = find_arbitrage(book)
    assert found is not None
    assert gains(book, found)


def test_the_same_rate_is_safe_where_no_allowed_amount_reaches_the_excess() -> None:
    book = [
        PairRate("a", "b", Fraction("0.05263158"), maximum=1_000_000),
        PairRate("b", "a", Fraction(19), maximum=1_000_000),
    ]
    assert find_arbitrage(book) is None


@pytest.mark.parametrize(("back", "profitable"), [("2.4", False), ("2.40001", True), ("3", True)])
def test_a_bonus_threshold_counts_for_arbitrage(back: str, profitable: bool) -> None:
    """Marriott Bonvoy's 3:1 is 2.4:1 at 60,000 points: more than 2.4 the other way can be played."""
    there = PairRate("marriott", "airline", Fraction(1, 3), minimum=3_000, bonus=ThresholdBonus(60_000, 5_000))
    book = [there, PairRate("airline", "marriott", Fraction(back), maximum=10**11)]
    found = find_arbitrage(book)
    assert (found is not None) == profitable
    if found is not None:
        assert gains(book, found)


def test_a_gain_that_no_single_round_reaches_is_shown_with_repeated_exchanges() -> None:
    """Exactly 7 of a become 3 of b, and exactly 5 of b become 12 of a: only 5 times 7 meets 3 times 5."""
    book = [
        PairRate("a", "b", Fraction(3, 7), minimum=7, maximum=7),
        PairRate("b", "a", Fraction(12, 5), minimum=5, maximum=5),
    ]
    found = find_arbitrage(book)
    assert found is not None
    assert gains(book, found)
    assert (found.began, found.ended) == (35, 36)
    assert str(found) == "5 x 7 a -> 5 x 3 b; 3 x 5 b -> 3 x 12 a"


@pytest.mark.parametrize("profitable", [False, True])
def test_thirty_brands_with_bonuses_promotions_and_fees_are_judged_within_a_second(profitable: bool) -> None:
    """Of the processor, whatever else runs beside the test."""
    book = large_book(30)
    if profitable:
        book[-1] = replace(book[-1], rate=book[-1].rate * 2, bonus=None, points_fee=None, promotions=())
    before = Before(1, book, {(pair.sender, pair.receiver): (1, pair) for pair in book})
    start = time.process_time()
    try:
        prove(book, before, RATE_MOVE_MAX, revaluation=False)
    except ArbitrageFound:
        assert profitable
    else:
        assert not profitable
    assert time.process_time() - start < 1


def test_a_long_cycle_is_found_and_shown() -> None:
    """Thirty brands in a ring, all at par but one: nothing shorter than the whole ring gains."""
    book = [PairRate(f"b{i}", f"b{(i + 1) % 30}", Fraction(3 + i, 3 + (i + 1) % 30), maximum=10**9) for i in range(29)]
    book.append(PairRate("b29", "b0", Fraction(32, 3) * Fraction(1001, 1000), maximum=10**9))
    found = find_arbitrage(book)
    assert found is not None
    assert len(found.steps) == 30
    assert gains(book, found)


def test_a_refused_book_names_the_cycle_and_the_amounts() -> None:
    book = [PairRate("a", "b", Fraction(2), maximum=1000), PairRate("b", "a", Fraction(1), maximum=1000)]
    with pytest.raises(ArbitrageFound) as refused:
        prove(book, NONE_BEFORE, RATE_MOVE_MAX, revaluation=False)
    assert refused.value.metadata == {
        "cycle": "b > a > b",
        "amounts": "1 b -> 1 a; 1 a -> 2 b",
        "began": "1",
        "ended": "2",
        "left_over": "",
    }
