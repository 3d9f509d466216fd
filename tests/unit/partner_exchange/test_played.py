"""What somebody would try who wants points from nothing: through one book, its promotions, and the books after it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_exchange.domain.arbitrage import find_arbitrage
from partner_exchange.domain.best_rate import best_exchange
from partner_exchange.domain.errors import ArbitrageAcrossBooks, ArbitrageFound
from partner_exchange.domain.fees import Fee
from partner_exchange.domain.proof import NONE_BEFORE, Before, Proof, prove
from partner_exchange.domain.rates import BonusCap, PairRate, Period, Promotion, ThresholdBonus
from tests.unit.partner_exchange.books import SPRING, small_books
from tests.unit.partner_exchange.playing import Walk, gains
from tests.unit.partner_exchange.test_arbitrage import is_profitable

BACK = PairRate("b", "a", Fraction(2), maximum=10**6)
THERE = PairRate("a", "b", Fraction(1, 2), minimum=10, increment=10, maximum=1_000)
"""With BACK at par."""

TOLL = Fee(per_point=Fraction(1, 100))
LAST_DAY = Promotion("last-day", SPRING, SPRING + timedelta(days=1), None, rate=Fraction(51, 100))


@pytest.mark.parametrize(
    ("safe", "profitable"),
    [
        pytest.param(THERE, replace(THERE, bonus=ThresholdBonus(1_000, 1)), id="a bonus"),
        pytest.param(THERE, replace(THERE, promotions=(LAST_DAY,)), id="a promotion's last day"),
        pytest.param(
            replace(THERE, maximum=990, bonus=ThresholdBonus(1_000, 1)),
            replace(THERE, maximum=1_000, bonus=ThresholdBonus(1_000, 1)),
            id="a maximum",
        ),
        pytest.param(
            replace(THERE, rate=Fraction(11, 20), points_fee=Fee(per_point=Fraction(1, 20))),
            replace(THERE, rate=Fraction(11, 20), points_fee=Fee(per_point=Fraction(1, 20), maximum=49)),
            id="the maximum of a fee",
        ),
        pytest.param(
            replace(THERE, minimum=40, bonus=ThresholdBonus(20, 2, BonusCap(2, Period.DAY)), points_fee=Fee(2)),
            replace(THERE, minimum=40, bonus=ThresholdBonus(20, 2, BonusCap(3, Period.DAY)), points_fee=Fee(2)),
            id="the cap of a bonus",
        ),
        pytest.param(
            replace(THERE, rate=Fraction("0.51"), increment=9, minimum=1, maximum=9),
            replace(THERE, rate=Fraction("0.51"), increment=50, minimum=1, maximum=100),
            id="a step",
        ),
        pytest.param(
            replace(THERE, rate=Fraction("0.51"), points_fee=TOLL), replace(THERE, rate=Fraction("0.51")), id="a fee"
        ),
    ],
)
def test_a_cycle_that_one_term_alone_makes_profitable_is_found_and_gains(safe: PairRate, profitable: PairRate) -> None:
    assert find_arbitrage([safe, BACK]) is None
    found = find_arbitrage([profitable, BACK])
    assert found is not None
    assert gains([profitable, BACK], found)


def terms_of(book: Sequence[PairRate]) -> list[PairRate]:
    """The terms of every moment."""
    return [terms for pair in book for terms in pair.variants()]


@settings(max_examples=60)
@given(small_books(), st.randoms(use_true_random=False), st.integers(1, 400))
def test_no_walk_through_an_accepted_book_and_its_promotions_gains(
    book: list[PairRate], rng: random.Random, start: int
) -> None:
    if not book or find_arbitrage(book) is not None:
        return
    walk = Walk(rng.choice(book).sender, start, rng)
    for _ in range(3):
        walk.go(terms_of(book), 25)
        assert not walk.gained
        walk.next_period()


EDGES = [
    PairRate("nectar", "avios", Fraction(250, 400), minimum=400, increment=400),
    PairRate("avios", "nectar", Fraction(400, 250), minimum=250, increment=250),
    PairRate("marriott", "nectar", Fraction(1, 3), minimum=3_000, increment=3, bonus=ThresholdBonus(60_000, 5_000)),
    PairRate("nectar", "marriott", Fraction(12, 5), increment=5),
    PairRate("nectar", "dune", Fraction(1), maximum=10_000, points_fee=Fee(per_point=Fraction(1, 10), maximum=50)),
    PairRate("dune", "nectar", Fraction(200, 199), increment=199),
    PairRate(
        "dune",
        "avios",
        Fraction(1, 2),
        promotions=(Promotion("last-day", SPRING, SPRING + timedelta(days=1), None, rate=Fraction(125, 199)),),
    ),
    PairRate("avios", "dune", Fraction(1), bonus=ThresholdBonus(125, 74, BonusCap(740, Period.DAY))),
]
"""Each pair of opposite directions is exactly at par, at the best amount, and loses at any other."""


def test_walks_of_thousands_of_exchanges_aimed_at_thresholds_steps_and_caps_never_gain() -> None:
    assert find_arbitrage(EDGES) is None
    best = {(pair.sender, pair.receiver): best_exchange(pair).rate for pair in EDGES}
    assert {rate * best[receiver, sender] for (sender, receiver), rate in best.items()} == {1}
    rng = random.Random(5)
    exchanges = 0
    for _ in range(40):
        walk = Walk(rng.choice(EDGES).sender, rng.choice((2_000, 60_000, 10**6, 10**9)), rng)
        for _ in range(6):
            walk.go(terms_of(EDGES), 60)
            assert not walk.gained
            walk.next_period()
        exchanges += walk.exchanges
    assert exchanges > 3_000


def following(before: Before, book: list[PairRate], proof: Proof) -> Before:
    """What the next book is proved with."""
    version = before.version + 1
    pairs = {(pair.sender, pair.receiver): pair for pair in book}
    return Before(
        version,
        book,
        {key: (version, pairs[key]) if of is None else before.best[key] for key, of in proof.best.items()},
    )


@settings(max_examples=50)
@given(st.lists(small_books(), min_size=2, max_size=3), st.randoms(use_true_random=False), st.integers(1, 400))
def test_exactly_the_books_that_cannot_be_played_with_those_before_are_accepted(
    books: list[list[PairRate]], rng: random.Random, start: int
) -> None:
    """Against enumeration of all books at once; and no walk across the changes gains."""
    before, accepted = NONE_BEFORE, list[list[PairRate]]()
    for book in filter(None, books):
        try:
            proof = prove(book, before, Fraction(1, 5), revaluation=False)
        except ArbitrageFound:
            assert is_profitable(book)
            continue
        except ArbitrageAcrossBooks:
            assert not is_profitable(book)
            assert is_profitable([pair for each in (*accepted, book) for pair in each])
            continue
        before = following(before, book, proof)
        accepted.append(book)
        assert not is_profitable([pair for each in accepted for pair in each])
    if accepted:
        walk = Walk(rng.choice(accepted[0]).sender, start, rng)
        for book in accepted:
            walk.go(terms_of(book), 30)
            assert not walk.gained


def test_a_revaluation_begins_anew_what_books_are_proved_with() -> None:
    first = [THERE, BACK]
    before = following(NONE_BEFORE, first, prove(first, NONE_BEFORE, Fraction(1, 5), revaluation=False))
    dearer = [replace(THERE, rate=Fraction(1, 4)), replace(BACK, rate=Fraction(4))]
    with pytest.raises(ArbitrageAcrossBooks):
        prove(dearer, before, Fraction(9), revaluation=False)
    proof = prove(dearer, before, Fraction(9), revaluation=True)
    assert proof.takes_two
    after = prove(dearer, following(before, dearer, proof), Fraction(9), revaluation=False)
    assert not after.takes_two


def test_leaving_a_pair_out_of_a_book_is_no_way_round_the_second_person() -> None:
    both, one, dear = [THERE, BACK], [BACK], [replace(THERE, rate=Fraction(1, 4)), BACK]
    before = following(NONE_BEFORE, both, prove(both, NONE_BEFORE, Fraction(1, 5), revaluation=False))
    without = prove(one, before, Fraction(1, 5), revaluation=False)
    assert not without.takes_two
    [move] = prove(dear, following(before, one, without), Fraction(1, 5), revaluation=False).review.moves
    assert (move.sender, move.before, move.after) == ("a", Fraction(1, 2), Fraction(1, 4))
