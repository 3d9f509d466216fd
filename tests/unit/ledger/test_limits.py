"""Credit limits: what goes out is refused beyond them, what comes in makes room, and every posting counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.clockwork import sweep
from ledger.domain.errors import BalanceOverflow, BatchNotPosted, BudgetExhausted
from ledger.domain.journal import Record
from ledger.domain.limits import left_by
from ledger.domain.model import BALANCE_MAX, LIMITABLE, AccountKind, Kind
from ledger.operations.batch import Done
from tests.unit.ledger.builders import ADA, BEN, BUDGET, ISSUANCE, NOW, REDEMPTION, Ledger, account, later
from tests.unit.ledger.test_atomic_batch import AT, decide_whole
from tests.unit.ledger.test_batch import decide, move


def limited(credit_limit: int, available: int | None = None) -> Ledger:
    ledger = Ledger()
    ledger.limit(credit_limit, credit_limit if available is None else available)
    return ledger


@pytest.mark.parametrize("kind", AccountKind)
def test_budgets_and_exchange_accounts_may_be_limited(kind: AccountKind) -> None:
    assert account(1, kind).limitable == (kind in {AccountKind.BUDGET, AccountKind.EXCHANGE})
    assert account(1, kind).limitable == (kind in LIMITABLE)


def test_a_budget_gives_to_the_last_point_of_its_limit_and_not_one_more() -> None:
    ledger = limited(100)
    ledger.grant(60)
    with pytest.raises(BudgetExhausted) as refusal:
        ledger.grant(41)
    assert refusal.value.metadata == {
        "account": BUDGET.name,
        "credit_limit": "100",
        "required": "41",
        "available": "40",
    }
    assert not refusal.value.frozen  # the limit may be raised
    ledger.grant(40)
    assert ledger.left == 0


def test_the_postings_of_a_transaction_count_together() -> None:
    ledger = limited(100)
    with pytest.raises(BudgetExhausted) as refusal:
        ledger.grant(60, 41)
    assert refusal.value.metadata["required"] == "101"
    assert ledger.left == 100
    ledger.grant(60, 40)
    assert ledger.left == 0


def test_what_comes_in_makes_room() -> None:
    ledger = limited(0)
    funded = ledger.fund(100)
    granted = ledger.grant(70)
    assert ledger.left == 30
    with pytest.raises(BudgetExhausted):
        ledger.reverse(funded)
    ledger.reverse(granted, 50)
    assert ledger.left == 80
    ledger.reverse(granted)
    ledger.reverse(funded)
    assert ledger.left == 0


def test_what_expires_returns_to_the_budget_that_funded_it() -> None:
    ledger = limited(100)
    ledger.grant(70, expires=later(60))
    ledger.spend(20)
    sweep(ledger.ada, ledger.desk, ledger.tick(100))
    assert ledger.left == 80


def test_nothing_goes_out_below_zero_but_everything_comes_in() -> None:
    ledger = limited(100, -50)
    with pytest.raises(BudgetExhausted):
        ledger.grant(1)
    ledger.fund(50)
    with pytest.raises(BudgetExhausted):
        ledger.grant(1)
    ledger.fund(1)
    ledger.grant(1)
    assert ledger.left == 0


def test_an_expiry_into_a_budget_that_was_not_locked_is_not_booked() -> None:
    ledger = limited(100)
    ledger.grant(70, expires=later(60))
    ledger.desk.slices.clear()
    with pytest.raises(AssertionError, match="was not locked"):
        sweep(ledger.ada, ledger.desk, ledger.tick(100))


def test_in_a_batch_a_refusal_for_a_limit_leaves_its_neighbours_and_itself_as_they_were() -> None:
    ledger = limited(100)
    works = [
        move("a", Kind.GRANT, (BUDGET, ADA, 60)),
        move("b", Kind.GRANT, (BUDGET, BEN, 41)),  # alone, on one account: nothing of it was saved but for the limit
        move("c", Kind.GRANT, (BUDGET, ADA, 30), (BUDGET, BEN, 11)),
        move("d", Kind.EARN, (ISSUANCE, BEN, 5)),
        move("e", Kind.GRANT, (BUDGET, BEN, 40)),
        move("f", Kind.SPEND, (ADA, REDEMPTION, 60)),
    ]
    answers = decide(ledger, *works, now=NOW + timedelta(seconds=9))
    assert [isinstance(answer, Done) for answer, _ in answers] == [True, False, False, True, True, True]
    assert [keep for _, keep in answers] == [True, False, False, True, True, True]
    assert (ledger.left, ledger.ada.posted, ledger.ben.posted) == (0, 0, 45)
    assert (ledger.ada.version, ledger.ben.version) == (2, 2)
    assert set(ledger.ben.lots) == {entry.id for r in ledger.desk.journal.records[1:3] for entry in r.entries}


def test_an_atomic_batch_that_is_refused_leaves_the_limit_as_it_was_also_where_points_expired_meanwhile() -> None:
    ledger = limited(100)
    ledger.grant(70, expires=AT)
    works = [
        move("a", Kind.GRANT, (BUDGET, ADA, 40)),  # 70 have come back by now
        move("b", Kind.GRANT, (BUDGET, BEN, 61)),
    ]
    answers = decide_whole(ledger, works)
    assert [type(answer) for answer, _ in answers] == [BatchNotPosted, BudgetExhausted]
    assert (ledger.left, ledger.ada.posted, len(ledger.desk.journal.records)) == (30, 70, 1)
    works[1] = move("c", Kind.GRANT, (BUDGET, BEN, 60))
    assert all(isinstance(answer, Done) for answer, _ in decide_whole(ledger, works))
    assert (ledger.left, ledger.ada.posted, ledger.ben.posted) == (0, 40, 60)


@given(
    st.integers(0, 200),
    st.lists(st.tuples(st.sampled_from(["fund", "grant", "reverse"]), st.integers(1, 100)), max_size=30),
)
def test_what_is_left_is_always_the_limit_plus_the_balance(credit_limit: int, steps: list[tuple[str, int]]) -> None:
    ledger = limited(credit_limit)
    granted: list[Record] = []
    for step, amount in steps:
        posted = ledger.left - credit_limit
        if step == "fund":
            ledger.fund(amount)
        elif step == "reverse" and granted:
            ledger.reverse(granted.pop())
        elif amount <= credit_limit + posted:
            granted.append(ledger.grant(amount))
        else:
            before = ledger.ada.copy()
            with pytest.raises(BudgetExhausted):
                ledger.grant(amount)
            ledger.ada.put_back(before)  # as whoever decides a batch does
        sides = [(e.source, e.destination, e.amount) for r in ledger.desk.journal.records for e in r.entries]
        balance = sum(n for _, to, n in sides if to == BUDGET) - sum(n for source, _, n in sides if source == BUDGET)
        assert ledger.left == credit_limit + balance >= 0


def test_a_limit_of_a_balance_beyond_int64_is_refused() -> None:
    assert left_by(BUDGET, 7, BALANCE_MAX - 7) == BALANCE_MAX
    assert left_by(BUDGET, 7, -BALANCE_MAX - 7) == -BALANCE_MAX
    for posted in (BALANCE_MAX - 6, -BALANCE_MAX - 8):
        with pytest.raises(BalanceOverflow):
            left_by(BUDGET, 7, posted)
