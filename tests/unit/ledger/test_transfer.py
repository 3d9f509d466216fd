"""Transfers: points change hands and keep their expiry and their budget, there and back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.clockwork import sweep
from ledger.domain.errors import InsufficientPoints, OverReversal, TooManyLots
from ledger.domain.model import MOVED_LOTS_MAX, NEVER, Kind
from ledger.domain.reversal import Policy
from tests.unit.ledger.builders import ADA, BUDGET, ISSUANCE, Ledger, later, open_lots, require_sound


def what_is_open(ledger: Ledger, of: int) -> list[tuple[datetime, int | None, int]]:
    """Expiry, budget and amount of what is open, in the order of consumption."""
    lots = sorted((lot for lot in ledger.books[of].lots.values() if lot.open), key=lambda lot: lot.order)
    return [(lot.expire_time, lot.budget, lot.open) for lot in lots]


def test_what_is_moved_keeps_its_expiry_and_its_budget() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(900))
    soon = ledger.earn(10, expires=later(500), source=BUDGET)
    ledger.earn(10)
    record = ledger.transfer(25)
    assert what_is_open(ledger, ledger.ben.account.id) == [
        (later(500), BUDGET.id, 10),
        (later(900), None, 10),
        (NEVER, None, 5),
    ]
    assert what_is_open(ledger, ADA.id) == [(NEVER, None, 5)]
    [entry] = record.entries
    assert entry.moves[0] == (soon.id, -10)
    assert [delta for _, delta in entry.moves] == [-10, -10, -5, 0, 0, 0]
    made = [lot for lot, delta in entry.moves if delta == 0]
    assert {ledger.ben.lots[lot].posting for lot in made} == {entry.id}
    for one in (ledger.ada, ledger.ben):
        require_sound(one, ledger.now)


def test_a_transfer_is_neither_earned_nor_spent() -> None:
    ledger = Ledger()
    ledger.earn(10)
    ledger.reverse(ledger.transfer(10), 4)
    assert (ledger.ada.earned, ledger.ada.spent) == (10, 0)
    assert (ledger.ben.earned, ledger.ben.spent) == (0, 0)


def test_neighbours_that_agree_in_expiry_and_budget_become_one_lot() -> None:
    ledger = Ledger()
    for source in (ISSUANCE, ISSUANCE, BUDGET, ISSUANCE):
        ledger.earn(10, expires=later(500), source=source)
    ledger.transfer(40)
    assert what_is_open(ledger, ledger.ben.account.id) == [
        (later(500), None, 20),
        (later(500), BUDGET.id, 10),
        (later(500), None, 10),
    ]


def test_pending_and_held_points_are_not_moved() -> None:
    ledger = Ledger()
    ledger.earn(10)
    ledger.earn(10, available=later(900))
    ledger.hold(6)
    with pytest.raises(InsufficientPoints) as refused:
        ledger.transfer(5)
    assert (refused.value.metadata["required"], refused.value.metadata["available"]) == ("5", "4")
    ledger.transfer(4)


def test_what_is_moved_pays_the_receivers_debt() -> None:
    ledger = Ledger()
    bens = ledger.earn(10, to=ledger.ben.account)
    ledger.spend(10, ledger.ben.account)
    ledger.reverse(bens)
    ledger.earn(8, expires=later(500))
    ledger.earn(8)
    record = ledger.transfer(16)
    assert record.entries[0].destination_debt_delta == -10
    assert (ledger.ben.debt, ledger.ben.posted, ledger.ben.available) == (0, 6, 6)
    assert what_is_open(ledger, ledger.ben.account.id) == [(NEVER, None, 6)]
    require_sound(ledger.ben, ledger.now)


def test_one_posting_moves_at_most_a_hundred_lots() -> None:
    ledger = Ledger()
    for number in range(MOVED_LOTS_MAX + 1):
        ledger.earn(2, expires=later(1000 + number))
    with pytest.raises(TooManyLots) as refused:
        ledger.transfer(2 * MOVED_LOTS_MAX + 1)
    assert (refused.value.metadata["movable"], refused.value.metadata["requested"]) == ("200", "201")


def test_a_hundred_lots_can_be_moved_by_one_posting() -> None:
    ledger = Ledger()
    for number in range(MOVED_LOTS_MAX):
        ledger.earn(2, expires=later(1000 + number))
    ledger.transfer(2 * MOVED_LOTS_MAX)
    assert len(open_lots(ledger.ben)) == MOVED_LOTS_MAX


def test_a_reversal_restores_the_senders_lots_from_the_receivers_lots_of_the_transfer() -> None:
    ledger = Ledger()
    soon, never = ledger.earn(10, expires=later(500)), ledger.earn(10)
    own = ledger.earn(5, expires=later(100), to=ledger.ben.account)
    record = ledger.transfer(20)
    ledger.reverse(record, 12)
    assert open_lots(ledger.ada) == {never.id: 10, soon.id: 2}
    assert what_is_open(ledger, ledger.ben.account.id) == [(later(100), None, 5), (later(500), None, 8)]
    ledger.reverse(record)
    assert open_lots(ledger.ada) == {never.id: 10, soon.id: 10}
    assert open_lots(ledger.ben) == {own.id: 5}
    with pytest.raises(OverReversal):
        ledger.reverse(record)


@pytest.mark.parametrize(
    ("policy", "taken", "debt"),
    [(Policy.ONLY_UNSPENT, 8, 0), (Policy.WITHIN_BALANCE, 11, 0), (Policy.ALLOW_NEGATIVE, 20, 9)],
)
def test_where_the_receiver_has_spent_it_the_policy_decides(policy: Policy, taken: int, debt: int) -> None:
    ledger = Ledger()
    ledger.earn(20)
    record = ledger.transfer(20)
    ledger.spend(12, ledger.ben.account)
    ledger.earn(3, to=ledger.ben.account)
    undone = ledger.reverse(record, policy=policy)
    assert undone is not None
    assert (undone.entries[0].amount, ledger.ada.posted, ledger.ben.debt) == (taken, taken, debt)
    for one in (ledger.ada, ledger.ben):
        require_sound(one, ledger.now)


def test_what_expired_at_the_receiver_is_not_taken_again() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(60))
    kept = ledger.earn(10)
    record = ledger.transfer(20)
    sweep(ledger.ben, ledger.desk, ledger.tick(60))
    with pytest.raises(OverReversal) as refused:
        ledger.reverse(record, 11)
    assert refused.value.metadata["remaining"] == "10"
    ledger.reverse(record)
    assert open_lots(ledger.ada) == {kept.id: 10}
    assert open_lots(ledger.ben) == {}


@given(
    earned=st.lists(st.tuples(st.integers(1, 20), st.integers(100, 104), st.booleans()), min_size=1, max_size=8),
    share=st.integers(1, 100),
    parts=st.lists(st.integers(1, 40), max_size=4),
)
def test_there_and_back_every_point_has_the_expiry_and_budget_it_had(
    earned: list[tuple[int, int, bool]], share: int, parts: list[int]
) -> None:
    ledger = Ledger()
    for amount, expiry, funded in earned:
        ledger.earn(amount, expires=later(expiry), source=BUDGET if funded else ISSUANCE)
    kept = dict(open_lots(ledger.ada))
    before = _by_origin(ledger)
    amount = max(1, ledger.ada.posted * share // 100)
    record = ledger.transfer(amount)
    assert _by_origin(ledger) == before
    assert record.kind is Kind.TRANSFER
    left = amount
    for part in [*parts, amount]:
        if left:
            ledger.reverse(record, min(part, left))
            left -= min(part, left)
        assert _by_origin(ledger) == before
    assert (open_lots(ledger.ada), open_lots(ledger.ben)) == (kept, {})


Origin = tuple[datetime, int | None]


def _by_origin(ledger: Ledger) -> Counter[Origin]:
    """How many open points both members together have of each expiry and budget."""
    found: Counter[Origin] = Counter()
    for one in ledger.books.values():
        for lot in one.lots.values():
            found[(lot.expire_time, lot.budget)] += lot.open
    return +found
