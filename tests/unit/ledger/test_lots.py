"""Lots: what is consumed first, what the clock makes of them, and what refuses a debit."""

from __future__ import annotations

import pytest

from ledger.domain.book import facts
from ledger.domain.clockwork import is_due, sweep
from ledger.domain.errors import BalanceOverflow, ExpiryPassed, InsufficientPoints
from ledger.domain.model import BALANCE_MAX, NEVER, Hold, HoldState, Kind
from ledger.domain.posting import PostingOrder
from tests.unit.ledger.builders import (
    ADA,
    BREAKAGE,
    BUDGET,
    ISSUANCE,
    NOW,
    Ledger,
    book,
    later,
    lot,
    open_lots,
    require_sound,
)


def test_a_debit_takes_the_soonest_expiry_first_then_the_oldest_and_what_never_expires_last() -> None:
    ada = book(
        lot(1, 10, made=1),
        lot(2, 10, made=0),
        lot(3, 10, expires=later(200), made=2),
        lot(4, 10, expires=later(100), made=4),
        lot(5, 10, expires=later(100), made=3),
    )
    assert [move for _ in range(5) for move in ada.debit(10, NOW)] == [(5, -10), (4, -10), (3, -10), (2, -10), (1, -10)]
    assert (ada.posted, ada.available) == (0, 0)


def test_a_debit_takes_part_of_its_last_lot_and_names_every_lot_it_took_from() -> None:
    ada = book(lot(1, 10, expires=later(100)), lot(2, 10))
    assert ada.debit(13, NOW) == [(1, -10), (2, -3)]
    assert open_lots(ada) == {2: 7}
    assert ada.valid_until == NEVER


def test_a_debit_passes_over_what_is_pending_held_or_expired() -> None:
    ada = book(lot(1, 10, expires=later(60), available=later(30)), lot(2, 10, expires=later(90)), lot(3, 10))
    ada.place(10, later(50), NOW)
    assert (ada.held, ada.pending, ada.available) == (10, 10, 10)
    assert ada.debit(10, NOW) == [(3, -10)]
    with pytest.raises(InsufficientPoints) as refused:
        ada.debit(1, NOW)
    assert refused.value.metadata == {"account": ADA.name, "required": "1", "available": "0", "missing": "1"}


@pytest.mark.parametrize(("second", "spendable"), [(-1, 10), (0, 0), (1, 0)])
def test_a_lot_is_worth_nothing_from_the_moment_it_expires(second: int, spendable: int) -> None:
    assert facts([lot(1, 10, expires=NOW)], [], later(second)).free == spendable


@pytest.mark.parametrize(("second", "pending", "free"), [(-1, 10, 0), (0, 0, 10), (1, 0, 10)])
def test_a_pending_lot_can_be_spent_from_the_moment_it_matures(second: int, pending: int, free: int) -> None:
    state = facts([lot(1, 10, available=NOW)], [], later(second))
    assert (state.pending, state.free) == (pending, free)


def test_facts_free_what_a_lapsed_hold_held_whatever_the_sweeper_has_booked() -> None:
    one = lot(1, 10).changed(held=8)
    hold = Hold(9, ADA.id, 8, HoldState.ACTIVE, 0, ((1, 8),), later(10), "", "tester", NOW, None)
    before, after = facts([one], [hold], later(9)), facts([one], [hold], later(10))
    assert (before.held, before.free, before.valid_until) == (8, 2, later(10))
    assert (after.held, after.free, after.valid_until) == (0, 10, NEVER)


def test_facts_count_an_expired_lot_as_due_and_what_is_held_of_it_still_as_held() -> None:
    one = lot(1, 10, expires=later(5)).changed(held=4)
    hold = Hold(9, ADA.id, 4, HoldState.ACTIVE, 0, ((1, 4),), later(60), "", "tester", NOW, None)
    state = facts([one], [hold], later(5))
    assert (state.held, state.free, state.due, state.valid_until) == (4, 0, 6, later(60))
    assert facts([one], [hold], later(60)).due == 10


def test_valid_until_is_the_soonest_maturity_expiry_or_lapse() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(500))
    assert ledger.ada.valid_until == later(500)
    ledger.earn(10, available=later(400), expires=later(900))
    assert ledger.ada.valid_until == later(400)
    ledger.hold(5, seconds=100)
    assert later(100) < ledger.ada.valid_until < later(110)


def test_valid_until_knows_no_lot_of_which_nothing_is_left() -> None:
    assert facts([lot(1, 10, available=later(50))._replace(open=0)], [], NOW).valid_until == NEVER
    indebted = book(debt=10)
    indebted.credit(lot(1, 10, expires=later(50)), NOW)
    assert (indebted.debt, indebted.valid_until) == (0, NEVER)
    restored = book(lot(1, 10, expires=later(50))._replace(open=0), debt=10)
    restored.restore([(1, 10)], NOW)
    assert (restored.debt, restored.valid_until) == (0, NEVER)
    matured = book(lot(1, 10, expires=later(50), available=NOW), debt=10)
    matured.pay_debt(NOW)
    assert (matured.debt, matured.valid_until) == (0, NEVER)


def test_an_expiry_is_a_posting_for_each_lot_and_goes_to_breakage_or_the_budget_that_funded_it() -> None:
    ledger = Ledger()
    bought = ledger.earn(10, expires=later(50))
    funded = ledger.earn(20, expires=later(60), source=BUDGET)
    kept = ledger.earn(30, expires=later(70))
    at = sweep(ledger.ada, ledger.desk, later(60))
    booked = ledger.desk.journal.records[3:]
    assert [(r.kind, r.effective_time, r.entries[0].destination, r.entries[0].amount) for r in booked] == [
        (Kind.EXPIRY, later(50), BREAKAGE, 10),
        (Kind.EXPIRY, later(60), BUDGET, 20),
    ]
    assert [r.entries[0].moves for r in booked] == [((bought.id, -10),), ((funded.id, -20),)]
    assert booked[0].record_time < booked[1].record_time == at
    assert open_lots(ledger.ada) == {kept.id: 30}
    assert (ledger.ada.posted, ledger.ada.available, ledger.ada.valid_until) == (30, 30, later(70))
    sweep(ledger.ada, ledger.desk, later(61))
    assert len(ledger.desk.journal.records) == 5
    require_sound(ledger.ada, at)


def test_nothing_is_due_before_its_moment_and_everything_at_it() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(50))
    assert not is_due(ledger.ada, later(49))
    assert is_due(ledger.ada, later(50))


def test_a_lot_that_matures_becomes_available_without_a_version() -> None:
    ledger = Ledger()
    ledger.earn(10, available=later(50))
    sweep(ledger.ada, ledger.desk, later(50))
    assert (ledger.ada.pending, ledger.ada.available, ledger.ada.version) == (0, 10, 1)
    assert ledger.ada.changed
    assert ledger.ada.valid_until == NEVER


def test_a_lot_that_has_expired_already_is_not_made() -> None:
    ledger = Ledger()
    with pytest.raises(ExpiryPassed):
        ledger.earn(10, expires=later(1))
    assert (ledger.ada.posted, ledger.ada.lots, ledger.ada.changed) == (0, {}, False)


def test_a_credit_needs_no_lots_and_changes_only_its_own() -> None:
    ada = book()
    ada.loaded = False
    ada.posted = ada.available = 70
    ada.credit(lot(1, 30), NOW)
    assert (ada.posted, ada.available, ada.new_lots) == (100, 100, {1})
    with pytest.raises(AssertionError):
        ada.debit(1, NOW)


@pytest.mark.parametrize("field", ["posted", "earned", "spent"])
def test_a_credit_that_would_leave_int64_is_refused_and_changes_nothing(field: str) -> None:
    ada = book()
    setattr(ada, field, BALANCE_MAX - 9)
    with pytest.raises(BalanceOverflow):
        ada.credit(lot(1, 10), NOW)
    assert ada.lots == {}
    ada.credit(lot(1, 9), NOW)


def test_versions_count_changes_and_record_times_are_those_of_the_transactions() -> None:
    ledger = Ledger()
    first, second = ledger.earn(10), ledger.earn(5)
    assert [record.entries[0].destination_version for record in (first, second)] == [1, 2]
    assert [record.entries[0].destination_posted for record in (first, second)] == [10, 15]
    both = ledger.move(
        Kind.EARN,
        PostingOrder(ISSUANCE, ADA, 1, NEVER, NOW),
        PostingOrder(ISSUANCE, ADA, 2, NEVER, NOW),
    )
    assert [(e.destination_version, e.destination_posted) for e in both.entries] == [(3, 16), (4, 18)]
    assert [e.id for e in both.entries] == [both.id, both.id + 1]
    assert ledger.ada.record_time == both.record_time
    with pytest.raises(AssertionError):
        ledger.ada.touch(both.record_time)


def test_the_effective_time_only_reports_and_never_lies_after_the_record_time() -> None:
    ledger = Ledger()
    posting = PostingOrder(ISSUANCE, ADA, 10, NEVER, NOW)
    past, future = later(-86400), later(86400)
    assert ledger.move(Kind.EARN, posting, effective=past).effective_time == past
    record = ledger.move(Kind.EARN, posting, effective=future)
    assert record.effective_time == record.record_time


def test_a_refused_posting_speaks_of_its_whole_transaction() -> None:
    ledger = Ledger()
    ledger.earn(10)
    postings = [PostingOrder(ADA, ISSUANCE, 6, NEVER, NOW)] * 2
    with pytest.raises(InsufficientPoints) as refused:
        ledger.move(Kind.SPEND, *postings)
    assert refused.value.metadata == {"account": ADA.name, "required": "12", "available": "10", "missing": "2"}


def test_a_book_put_back_is_what_it_was() -> None:
    ledger = Ledger()
    ledger.earn(10)
    before = ledger.ada.copy()
    ledger.hold(4)
    ledger.spend(3)
    ledger.ada.put_back(before.copy())
    assert ledger.ada == before
    assert ledger.spend(10).entries[0].amount == 10
