"""The table of states is whole, says of each state what it promises, and is kept by the rules as they are run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import DomainError
from ledger.domain.book import Book
from ledger.domain.errors import AccountClosed, AccountFrozen, AccountNotEmpty, AccountNotFrozen, InsufficientPoints
from ledger.domain.holds import CaptureOrder, capture, release
from ledger.domain.lifecycle import EVENTS, LEADS_TO, StateOrder, change_state, states_after
from ledger.domain.model import LONG_AGO, NEVER, AccountState, EventKind, Kind
from ledger.domain.posting import PostingOrder
from ledger.domain.reversal import Policy
from ledger.domain.states import REFUSALS, TABLE, Operation, Verdict, require
from tests.unit.ledger.builders import ADA, ADJUSTMENT, BEN, REDEMPTION, Ledger, book, lot, require_sound

OPEN, FROZEN, CLOSED = AccountState.OPEN, AccountState.FROZEN, AccountState.CLOSED


def change(ledger: Ledger, operation: Operation) -> None:
    change_state(StateOrder(ADA, operation, "tester"), ledger.ada, ledger.desk, ledger.tick())


def test_the_table_has_every_operation_in_every_state() -> None:
    assert set(TABLE) == set(Operation)
    assert all(set(row) == set(AccountState) for row in TABLE.values())


def test_an_open_account_refuses_only_to_be_unfrozen() -> None:
    assert [o for o in Operation if TABLE[o][OPEN] is not Verdict.ALLOWED] == [Operation.UNFREEZE]


def test_a_frozen_account_refuses_what_its_holder_starts_and_a_second_freeze() -> None:
    refused = {o for o in Operation if TABLE[o][FROZEN] is not Verdict.ALLOWED}
    assert refused == {Operation.PAY, Operation.PLACE_HOLD, Operation.FREEZE}


def test_a_closed_account_is_read_and_erased_and_nothing_else() -> None:
    assert {o for o in Operation if TABLE[o][CLOSED] is Verdict.ALLOWED} == {Operation.READ, Operation.LABEL}


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("state", AccountState)
def test_what_the_table_refuses_is_refused_with_the_reason_of_the_state(
    operation: Operation, state: AccountState
) -> None:
    if TABLE[operation][state] is not Verdict.REFUSED:
        require(operation, ADA, state)
        return
    with pytest.raises(REFUSALS[state]) as refusal:
        require(operation, ADA, state)
    assert refusal.value.metadata == {"account": ADA.name}


def test_each_change_of_state_is_an_event_with_the_next_version() -> None:
    ledger = Ledger()
    ledger.earn(10)
    for operation in (Operation.FREEZE, Operation.UNFREEZE, Operation.FREEZE):
        before = ledger.ada.version
        change(ledger, operation)
        event = ledger.desk.journal.events[-1]
        assert (event.kind, event.version, event.actor) == (EVENTS[operation], before + 1, "tester")
        assert (event.moves, event.held_delta, event.debt_delta) == ((), 0, 0)
        assert ledger.ada.state is LEADS_TO[event.kind]
        assert states_after(ledger.desk.journal.events) == {ADA.id: ledger.ada.state}
    assert ledger.ada.posted == 10


def test_only_an_account_without_points_and_debt_is_closed() -> None:
    for made in (
        book(lot(1, 5)),
        book(debt=5),
        book(lot(1, 5, available=NEVER.replace(year=9000)), debt=5),  # posted is zero, and yet there is something
    ):
        ledger = Ledger({ADA.id: made, BEN.id: book(of=BEN)})
        before = made.copy()
        with pytest.raises(AccountNotEmpty) as refusal:
            change(ledger, Operation.CLOSE)
        assert refusal.value.metadata == {
            "account": ADA.name,
            "posted": str(made.posted),
            "held": "0",
            "pending": str(made.pending),
            "debt": str(made.debt),
        }
        assert (made, ledger.desk.journal.events) == (before, [])
    ledger = Ledger()
    change(ledger, Operation.CLOSE)
    assert ledger.ada.state is CLOSED


def test_what_was_promised_before_a_freeze_resolves() -> None:
    ledger = Ledger()
    earned = ledger.earn(100)
    spent = ledger.spend(20)
    first, second = ledger.hold(10), ledger.hold(10)
    change(ledger, Operation.FREEZE)
    order = CaptureOrder(0, REDEMPTION, "tester", "")
    capture(order, first, ledger.ada, ledger.desk, ledger.tick())
    release(second, ledger.ada, "tester", ledger.desk, ledger.tick())
    ledger.reverse(spent)
    ledger.earn(1)
    ledger.move(Kind.ADJUSTMENT, PostingOrder(ADA, ADJUSTMENT, 1, NEVER, LONG_AGO))
    ledger.reverse(earned, policy=Policy.ALLOW_NEGATIVE)
    assert (ledger.ada.posted, ledger.ada.state) == (-10, FROZEN)
    for pay in (ledger.spend, ledger.give, ledger.transfer, ledger.hold):
        with pytest.raises(AccountFrozen):
            pay(1)
    change(ledger, Operation.UNFREEZE)
    with pytest.raises(AccountNotFrozen):
        change(ledger, Operation.UNFREEZE)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["earn", "spend", "give", "transfer", "get", "adjust", "hold", "reverse", "FREEZE", "UNFREEZE", "CLOSE"]
        ),
        st.integers(1, 40),
    ),
    max_size=25,
)


@given(ACTIONS)
def test_a_frozen_account_never_pays_and_a_closed_one_never_changes(actions: list[tuple[str, int]]) -> None:
    ledger = Ledger()
    ledger.earn(40, to=BEN)
    for action, amount in actions:
        ada = ledger.ada
        before = ada.copy()
        refusal = _refusal(ledger, action, amount)
        if refusal is not None or before.state is CLOSED:
            assert ada == before, action
        if before.state is CLOSED and action != "reverse":
            giver_is_short = action == "get" and isinstance(refusal, InsufficientPoints)
            assert isinstance(refusal, AccountClosed) or giver_is_short, action
        if before.state is FROZEN and refusal is None:
            assert action in {"earn", "get", "adjust", "reverse", "UNFREEZE", "CLOSE"}
        require_sound(ada, ledger.now)
        if ada.state is CLOSED:
            assert (ada.posted, ada.held, ada.pending, ada.debt) == (0, 0, 0, 0)
    told = states_after(ledger.desk.journal.events)
    assert told.get(ADA.id, OPEN) is ledger.ada.state


def _refusal(ledger: Ledger, action: str, amount: int) -> DomainError | None:
    try:
        _act(ledger, action, amount)
    except DomainError as refusal:
        return refusal
    return None


def _act(ledger: Ledger, action: str, amount: int) -> None:
    if action in Operation.__members__:
        change(ledger, Operation[action])
    elif action == "get":
        _checked(ledger.ben, lambda: ledger.give(amount, source=BEN, to=ADA))
    elif action == "adjust":
        ledger.move(Kind.ADJUSTMENT, PostingOrder(ADA, ADJUSTMENT, amount, NEVER, LONG_AGO))
    elif action == "reverse":
        records = [r for r in ledger.desk.journal.records if any(ADA in (e.source, e.destination) for e in r.entries)]
        if records:
            _checked(ledger.ben, lambda: ledger.reverse(records[-1], policy=Policy(1 + amount % 3)))
    else:
        getattr(ledger, action)(amount)


def _checked(other: Book, act: Callable[[], object]) -> None:
    """Acts, and puts the other book back after a refusal, as a batch does."""
    before = other.copy()
    try:
        act()
    except DomainError:
        other.put_back(before)
        raise


def test_every_event_of_a_state_is_known() -> None:
    assert set(EVENTS.values()) == set(LEADS_TO) == {EventKind.FROZEN, EventKind.UNFROZEN, EventKind.CLOSED}
