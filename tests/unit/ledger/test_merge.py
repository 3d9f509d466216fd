"""Merges: what two accounts have and owe comes together in one of them, and stays what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.errors import AccountFrozen, InsufficientPoints, NotReversible, TooManyLots
from ledger.domain.model import LONG_AGO, MOVED_LOTS_MAX, NEVER, AccountState, Kind
from tests.unit.ledger.builders import ADA, BEN, BUDGET, Ledger, later, require_sound


def in_debt(points: int, spent: int) -> Ledger:
    """Ada has spent what was then taken back of her, and owes it; Ben has so many points."""
    ledger = Ledger()
    earned = ledger.earn(spent)
    ledger.spend(spent)
    ledger.reverse(earned)
    if points:
        ledger.earn(points, to=BEN, expires=later(900))
    return ledger


def require_whole(ledger: Ledger) -> None:
    for book in ledger.books.values():
        require_sound(book, ledger.now)


def test_pending_points_stay_pending_until_the_time_they_had() -> None:
    ledger = Ledger()
    ledger.earn(10, available=later(300), expires=later(900), source=BUDGET)
    ledger.earn(10, available=NEVER)
    ledger.merge(20, pending=True)
    lots = sorted(ledger.ben.lots.values(), key=lambda lot: lot.order)
    assert [(lot.open, lot.available_time, lot.expire_time, lot.budget) for lot in lots] == [
        (10, later(300), later(900), BUDGET.id),
        (10, NEVER, NEVER, None),
    ]
    assert (ledger.ben.pending, ledger.ben.available, ledger.ada.posted) == (20, 0, 0)
    require_whole(ledger)


def test_each_posting_moves_either_what_can_be_spent_or_what_is_pending() -> None:
    ledger = Ledger()
    ledger.earn(10)
    ledger.earn(5, available=later(300))
    ledger.hold(4)
    for amount, waiting, has in ((7, False, 6), (6, True, 5)):
        with pytest.raises(InsufficientPoints) as refused:
            ledger.merge(amount, pending=waiting)
        assert refused.value.metadata["available"] == str(has)
    ledger.merge(6)
    ledger.merge(5, pending=True)
    assert (ledger.ada.posted, ledger.ada.held, ledger.ben.available, ledger.ben.pending) == (4, 4, 6, 5)
    require_whole(ledger)


@pytest.mark.parametrize(("points", "left", "debt"), [(50, 20, 0), (30, 0, 0), (10, 0, 20), (0, 0, 30)])
def test_a_debt_is_paid_by_the_other_account_and_else_owed_by_it(points: int, left: int, debt: int) -> None:
    ledger = in_debt(points, spent=30)
    record = ledger.merge(30, BEN, ADA)
    assert (ledger.ada.debt, ledger.ada.posted) == (0, 0)
    assert (ledger.ben.available, ledger.ben.debt) == (left - debt, debt)
    [entry] = record.entries
    assert (entry.source_debt_delta, entry.destination_debt_delta) == (debt, -30)
    require_whole(ledger)


def test_a_debt_is_never_paid_with_points_that_are_pending() -> None:
    ledger = in_debt(0, spent=30)
    ledger.earn(30, to=BEN, available=later(300))
    ledger.merge(30, BEN, ADA)
    assert (ledger.ada.posted, ledger.ben.debt, ledger.ben.pending) == (0, 30, 30)
    require_whole(ledger)


def test_nobody_comes_into_debt_for_more_than_the_other_owes() -> None:
    ledger = in_debt(10, spent=30)
    with pytest.raises(InsufficientPoints):
        ledger.merge(31, BEN, ADA)


def test_a_merge_counts_in_no_lifetime_is_not_reversed_and_leaves_a_frozen_account_alone() -> None:
    ledger = Ledger()
    ledger.earn(10)
    record = ledger.merge(4)
    assert (ledger.ada.earned, ledger.ada.spent, ledger.ben.earned, ledger.ben.spent) == (10, 0, 0, 0)
    with pytest.raises(NotReversible):
        ledger.reverse(record)
    ledger.ada.state = AccountState.FROZEN
    with pytest.raises(AccountFrozen):
        ledger.merge(1)


def test_one_posting_moves_at_most_a_hundred_lots_and_says_how_much_that_is() -> None:
    ledger = Ledger()
    for number in range(MOVED_LOTS_MAX + 1):
        ledger.earn(2, available=later(1000 + number))
    with pytest.raises(TooManyLots) as refused:
        ledger.merge(2 * MOVED_LOTS_MAX + 2, pending=True)
    assert refused.value.metadata["movable"] == "200"


def test_points_of_a_merged_account_that_are_taken_back_are_owed_there_and_can_be_taken_over() -> None:
    ledger = Ledger()
    earned = ledger.earn(10)
    ledger.merge(10)
    ledger.reverse(earned, 4)
    assert ledger.ada.debt == 4
    ledger.merge(4, BEN, ADA)
    assert (ledger.ada.posted, ledger.ada.debt, ledger.ben.available) == (0, 0, 6)
    require_whole(ledger)


@given(
    earned=st.lists(
        st.tuples(st.integers(1, 20), st.integers(100, 103), st.none() | st.integers(50, 53)), min_size=1, max_size=8
    ),
    owed=st.integers(0, 60),
)
def test_all_of_one_account_comes_to_the_other_whatever_both_have_and_owe(
    earned: list[tuple[int, int, int | None]], owed: int
) -> None:
    ledger = in_debt(0, owed) if owed else Ledger()
    for amount, expiry, since in earned:
        available = LONG_AGO if since is None else later(since)
        ledger.earn(amount, expires=later(expiry), available=available, to=BEN if amount % 3 == 0 else ADA)
    before = {
        (lot.expire_time, max(lot.available_time, ledger.now))
        for book in ledger.books.values()
        for lot in book.lots.values()
        if lot.open
    }
    total, pending = ledger.ada.posted + ledger.ben.posted, ledger.ada.pending + ledger.ben.pending
    if ledger.ada.debt:
        ledger.merge(ledger.ada.debt, BEN, ADA)
    if ledger.ada.available:
        ledger.merge(ledger.ada.available)
    if ledger.ada.pending:
        ledger.merge(ledger.ada.pending, pending=True)
    assert (ledger.ada.posted, ledger.ada.debt, ledger.ada.pending) == (0, 0, 0)
    assert (ledger.ben.posted, ledger.ben.pending) == (total, pending)
    assert {lot.expire_time for lot in ledger.ben.lots.values() if lot.open} <= {expiry for expiry, _ in before}
    assert {record.kind for record in ledger.desk.journal.records} <= {Kind.EARN, Kind.SPEND, Kind.REVERSAL, Kind.MERGE}
    require_whole(ledger)
