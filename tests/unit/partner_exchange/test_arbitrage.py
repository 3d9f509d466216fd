"""No arbitrage: an accepted book cannot be played, and a refused one shows how it is."""

from __future__ import annotations

import random
import time
from fractions import Fraction
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.arbitrage import Arbitrage, find_arbitrage
from partner_exchange.domain.book import check
from partner_exchange.domain.converting import convert_send
from partner_exchange.domain.errors import AboveMaximum, AmountTooSmall, ArbitrageFound
from partner_exchange.domain.partners import RATE_MOVE_MAX
from partner_exchange.domain.proof import NONE_BEFORE, prove
from partner_exchange.domain.rates import POINTS_MAX, PairRate, ThresholdBonus
from tests.unit.partner_exchange.books import allowed, small_books


def play(book: list[PairRate], found: Arbitrage) -> dict[str, int]:
    """Carries the sequence out, exchange by exchange as the book allows them, and answers what it gained."""
    pairs = {(pair.sender, pair.receiver): pair for pair in book}
    points = {found.steps[0].sender: found.began}
    for step in found.steps:
        pair = pairs[step.sender, step.receiver]
        assert step.debited % pair.increment == 0
        assert pair.minimum <= step.debited <= pair.maximum
        assert step.received == pair.received_for(step.debited)
        points[step.sender] -= step.debited * step.times
        assert points[step.sender] >= 0
        points[step.receiver] = points.get(step.receiver, 0) + step.received * step.times
    points[found.steps[0].sender] -= found.began
    return points


def gains(book: list[PairRate], found: Arbitrage) -> bool:
    gained = play(book, found)
    return min(gained.values()) >= 0 and sum(gained.values()) > 0


def is_profitable(book: list[PairRate]) -> bool:
    """By enumeration: whether a simple cycle's best allowed amounts multiply to more than one."""
    best = {(p.sender, p.receiver): max(Fraction(p.received_for(n), n) for n in allowed(p)) for p in book}
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


@settings(max_examples=400)
@given(small_books())
def test_exactly_the_profitable_books_are_refused_and_the_amounts_shown_really_gain(book: list[PairRate]) -> None:
    found = find_arbitrage(book)
    assert (found is not None) == is_profitable(book)
    if found is not None:
        assert gains(book, found)


@settings(max_examples=200)
@given(small_books(), st.randoms(use_true_random=False), st.integers(1, 400))
def test_no_walk_through_an_accepted_book_gains(book: list[PairRate], rng: random.Random, start: int) -> None:
    if not book or find_arbitrage(book) is not None:
        return
    home = rng.choice(book).sender
    points = {brand: 0 for pair in book for brand in (pair.sender, pair.receiver)}
    points[home] = start
    for _ in range(30):
        pair = rng.choice(book)
        try:
            conversion = convert_send(pair, min(points[pair.sender], rng.randint(1, 200), pair.maximum))
        except (AmountTooSmall, AboveMaximum):
            continue
        points[pair.sender] -= conversion.debited
        points[pair.receiver] += conversion.received
        others = sum(held for brand, held in points.items() if brand != home)
        assert points[home] < start or (points[home] == start and others == 0)


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


def brands_book(count: int, edge: Fraction) -> list[PairRate]:
    """Every pair of `count` brands at par, with odd steps and limits; one pair off by the factor `edge`."""
    rng = random.Random(1)
    worth = [rng.randint(1, 400) for _ in range(count)]
    return [
        PairRate(
            f"b{i}",
            f"b{j}",
            Fraction(worth[i], worth[j]) * (edge if (i, j) == (0, count - 1) else 1),
            increment=rng.choice((1, 5, 250)),
            maximum=rng.choice((POINTS_MAX // 400, 10**6 + 7)),
        )
        for i in range(count)
        for j in range(count)
        if i != j
    ]


@pytest.mark.parametrize("edge", [Fraction(1), Fraction(1001, 1000)])
def test_thirty_brands_are_judged_within_a_second(edge: Fraction) -> None:
    book = brands_book(30, edge)
    start = time.perf_counter()
    found = find_arbitrage(book)
    assert time.perf_counter() - start < 1
    assert (found is None) == (edge == 1)


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
