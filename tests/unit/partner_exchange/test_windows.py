"""What brands owe each other for a window: exact sums, each rounded once, and net positions that sum to zero."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_exchange.domain.currencies import minor_digits
from partner_exchange.domain.errors import SettlementMismatch
from partner_exchange.domain.windows import (
    Kind,
    Obligations,
    PairAmount,
    Window,
    WindowState,
    check_settleable,
    count,
    net_positions,
    require_counted,
    require_positions,
)

WINDOW = Window("c", 1, WindowState.CLOSED, datetime(2026, 1, 1, tzinfo=UTC))
BRANDS = "abcdef"
PRICES = [Fraction(1), Fraction(1, 3), Fraction(7, 9), Fraction(10**9, 10**9 - 1), Fraction(1, 2)]
ENTRY = st.tuples(
    st.sampled_from(BRANDS), st.sampled_from(BRANDS), st.sampled_from(PRICES), st.integers(-(10**12), 10**12)
).filter(lambda entry: entry[0] != entry[1])


def owed(payer: str, payee: str, points: int, price: str = "1", entries: int = 1) -> Obligations:
    return Obligations(payer, payee, Kind.EXCHANGE, Fraction(price), entries, points)


def one_entry(entry: tuple[str, str, Fraction, int]) -> Obligations:
    payer, payee, price, points = entry
    return Obligations(payer, payee, Kind.EXCHANGE, price, 1, points)


def test_netting_in_one_currency() -> None:
    """The project's oracle of multilateral netting, one settlement currency."""
    found = [
        owed("UK", "SA", 195_886),
        owed("UK", "FR", 545_455),
        owed("FR", "SA", 130_591),
        owed("SA", "UK", 108_824),
        owed("SA", "FR", 426_136),
    ]
    assert net_positions(count(found)) == {"UK": -632_517, "SA": -208_483, "FR": 841_000}


@pytest.mark.parametrize(
    ("points", "price", "amount"),
    [
        (1, "1/2", 0),
        (3, "1/2", 2),
        (5, "1/2", 2),
        (-1, "1/2", 0),
        (-3, "1/2", -2),
        (2, "1/3", 1),
        (10**18, "1/3", None),
    ],
)
def test_a_pairs_sum_is_rounded_to_the_nearest_minor_unit_and_a_half_to_the_even_one(
    points: int, price: str, amount: int | None
) -> None:
    [pair] = count([owed("a", "b", points, price)])
    assert pair.exact == points * Fraction(price)
    assert pair.amount == (amount if amount is not None else (10**18 - 1) // 3)


@given(st.lists(ENTRY, max_size=60))
def test_random_entries_come_to_what_a_direct_computation_says(entries: list[tuple[str, str, Fraction, int]]) -> None:
    amounts = count(map(one_entry, entries))
    nets = net_positions(amounts)
    assert sum(nets.values()) == 0
    for pair in amounts:
        exact = sum(
            (points * price for payer, payee, price, points in entries if (payer, payee) == (pair.payer, pair.payee)),
            Fraction(0),
        )
        assert abs(pair.amount - exact) <= Fraction(1, 2)
    for brand in BRANDS:
        due = sum(
            (points * price * ((payee == brand) - (payer == brand)) for payer, payee, price, points in entries),
            Fraction(0),
        )
        assert abs(nets.get(brand, 0) - due) <= len(BRANDS) - 1
    # In whatever order and parts they are counted.
    assert count(map(one_entry, reversed(entries))) == amounts
    require_positions(WINDOW, nets, amounts)


def test_what_was_counted_otherwise_blocks() -> None:
    kept = count([owed("a", "b", 10), owed("b", "c", 5)])
    require_counted(WINDOW, kept, list(kept))
    altered = PairAmount("a", "b", 1, Fraction(11), 11)
    for counted in ([altered, *kept[1:]], kept[1:], [*kept, owed_pair("c", "a")]):
        with pytest.raises(SettlementMismatch):
            require_counted(WINDOW, kept, counted)


@pytest.mark.parametrize(("there", "back"), [(2**53 + 1, 0), (2**63, 2**63)])
def test_what_no_settlement_carries_is_said_and_not_settled(there: int, back: int) -> None:
    with pytest.raises(SettlementMismatch):
        check_settleable(WINDOW, count([owed("a", "b", there), owed("b", "a", back)]))
    check_settleable(WINDOW, count([owed("a", "b", 2**62), owed("b", "a", 2**62)]))


def owed_pair(payer: str, payee: str) -> PairAmount:
    return PairAmount(payer, payee, 1, Fraction(1), 1)


@pytest.mark.parametrize("positions", [{"a": -11, "b": 10}, {"a": -10}, {"a": -10, "b": 10, "c": 0}, {"a": -9, "b": 9}])
def test_positions_that_are_not_those_of_the_pairs_block(positions: dict[str, int]) -> None:
    with pytest.raises(SettlementMismatch):
        require_positions(WINDOW, positions, count([owed("a", "b", 10)]))


@pytest.mark.parametrize(("currency", "digits"), [("GBP", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_minor_units_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits
