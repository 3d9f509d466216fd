"""Converting: what others published, and what holds for every pair."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from partner_exchange.domain.converting import convert_receive, convert_send, smallest_send
from partner_exchange.domain.errors import AboveMaximum, AmountTooSmall
from partner_exchange.domain.rates import POINTS_MAX, PairRate, ThresholdBonus, largest_maximum
from tests.unit.partner_exchange.books import allowed, pair_rates

MARRIOTT = PairRate("marriott", "airline", Fraction(1, 3), minimum=3_000, bonus=ThresholdBonus(60_000, 5_000))
AIR_NEW_ZEALAND = PairRate("marriott", "airpoints", Fraction(1, 200), minimum=3_000)
JETBLUE = PairRate("amex", "jetblue", Fraction(200, 250), minimum=250, increment=250)
NECTAR_TO_AVIOS = PairRate("nectar", "avios", Fraction(250, 400), minimum=400, increment=400)
AVIOS_TO_NECTAR = PairRate("avios", "nectar", Fraction(400, 250), minimum=250, increment=250)
ODD_RATE = PairRate("a", "b", Fraction("0.05263158"))


@pytest.mark.parametrize(
    ("pair", "send", "debited", "received"),
    [
        (MARRIOTT, 3_000, 3_000, 1_000),
        (MARRIOTT, 60_000, 60_000, 25_000),
        (MARRIOTT, 120_000, 120_000, 50_000),
        (AIR_NEW_ZEALAND, 3_000, 3_000, 15),
        (JETBLUE, 1_250, 1_250, 1_000),
        (JETBLUE, 1_300, 1_250, 1_000),
        (NECTAR_TO_AVIOS, 1_200, 1_200, 750),
        (AVIOS_TO_NECTAR, 750, 750, 1_200),
        (ODD_RATE, 19, 19, 1),
        (ODD_RATE, 37, 19, 1),
        (ODD_RATE, 38, 38, 2),
        (ODD_RATE, 56, 38, 2),
    ],
)
def test_a_fixed_send_gives_what_its_brand_published(pair: PairRate, send: int, debited: int, received: int) -> None:
    """Marriott Bonvoy to most airlines (3:1, +5,000 for each 60,000, at least 3,000) and to Air New Zealand (200:1);
    Amex to JetBlue (250:200 in steps of 250, 50 of 1,300 left); Nectar and Avios until November 2022 (400 to 250 and
    back exactly); the rate 0.05263158, sent 19, 37, 38 and 56, brings 1, 1, 2 and 2.
    """
    conversion = convert_send(pair, send)
    assert (conversion.debited, conversion.received) == (debited, received)
    assert conversion.debited + conversion.remainder == send


def test_a_fixed_receive_says_that_a_bonus_brings_more_than_was_asked() -> None:
    """Marriott Bonvoy, at least 24,000 miles: 60,000 points give 25,000, where 72,000 would be due without bonus."""
    conversion = convert_receive(MARRIOTT, 24_000)
    assert (conversion.debited, conversion.received, conversion.bonus) == (60_000, 25_000, 5_000)


def test_an_amount_that_buys_nothing_is_refused_with_the_smallest_that_does() -> None:
    with pytest.raises(AmountTooSmall) as refused:
        convert_send(ODD_RATE, 18)
    assert refused.value.metadata == {"send": "18", "smallest_send": "19"}
    with pytest.raises(AmountTooSmall) as refused:
        convert_send(MARRIOTT, 2_999)
    assert refused.value.metadata["smallest_send"] == "3000"


def test_an_amount_above_the_maximum_is_refused_with_what_is_possible() -> None:
    pair = PairRate("a", "b", Fraction(1, 2), maximum=100)
    for convert, amount in ((convert_send, 101), (convert_receive, 51)):
        with pytest.raises(AboveMaximum) as refused:
            convert(pair, amount)
        assert refused.value.metadata == {"maximum": "100", "receives_at_most": "50"}


@given(pair_rates(), st.integers(1, 120))
def test_a_fixed_send_takes_the_least_that_buys_the_most(pair: PairRate, send: int) -> None:
    assume(send <= pair.maximum)
    amounts = [n for n in allowed(pair) if n <= send]
    most = max((pair.received_for(n) for n in amounts), default=0)
    if most == 0:
        with pytest.raises(AmountTooSmall):
            convert_send(pair, send)
        return
    conversion = convert_send(pair, send)
    assert conversion.received == most
    assert conversion.debited == min(n for n in amounts if pair.received_for(n) == most)
    assert conversion.remainder == send - conversion.debited


@given(pair_rates(), st.integers(1, 200))
def test_a_fixed_receive_takes_the_least_that_suffices(pair: PairRate, wanted: int) -> None:
    enough = [n for n in allowed(pair) if pair.received_for(n) >= wanted]
    if not enough:
        with pytest.raises(AboveMaximum):
            convert_receive(pair, wanted)
        return
    conversion = convert_receive(pair, wanted)
    assert (conversion.debited, conversion.received) == (enough[0], pair.received_for(enough[0]))
    assert conversion.received >= wanted


@given(pair_rates())
def test_the_smallest_send_is_the_least_amount_that_brings_a_point(pair: PairRate) -> None:
    assert smallest_send(pair) == next(n for n in allowed(pair) if pair.received_for(n) >= 1)


@given(pair_rates(), st.integers(1, 120), st.integers(1, 120))
def test_two_parts_never_bring_more_than_the_whole(pair: PairRate, one: int, other: int) -> None:
    """Also where the bonus has a cap: of the second part's bonus the cap leaves what the first part did not have."""
    rest = pair.after_bonuses(pair.bonus_for(one))
    assert pair.received_for(one) + rest.received_for(other) <= pair.received_for(one + other)


@given(st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=1000), st.none() | st.integers(1, 99))
def test_a_pair_without_a_maximum_keeps_both_sides_in_bounds(rate: Fraction, points: int | None) -> None:
    bonus = ThresholdBonus(rate.denominator, points) if points else None
    maximum = largest_maximum(PairRate("a", "b", rate, bonus=bonus))
    pair = PairRate("a", "b", rate, maximum=maximum, bonus=bonus)
    assert 1 <= maximum <= POINTS_MAX
    assert pair.received_for(maximum) <= POINTS_MAX
