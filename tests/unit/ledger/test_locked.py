"""Points that a debit has to leave: they are there, and may not go its way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import DomainError
from ledger.domain.errors import BalanceChanged, InsufficientPoints, PointsLocked
from ledger.domain.holds import HoldOrder, place
from ledger.domain.locked import Locked
from ledger.domain.model import LONG_AGO, NEVER, Kind
from ledger.domain.posting import PostingOrder
from tests.unit.ledger.builders import ADA, REDEMPTION, Ledger, later, require_sound


def spend(ledger: Ledger, amount: int, locked: Locked) -> None:
    ledger.move(Kind.SPEND, PostingOrder(ADA, REDEMPTION, amount, NEVER, LONG_AGO, locked))


def hold(ledger: Ledger, amount: int, locked: Locked) -> None:
    place(HoldOrder(ADA, amount, later(900), "", "tester", locked), ledger.ada, ledger.desk, ledger.tick())


@pytest.mark.parametrize("take", [spend, hold])
@given(available=st.integers(1, 50), locked=st.integers(0, 60), amount=st.integers(1, 60))
def test_a_debit_passes_exactly_where_it_leaves_what_is_locked(
    take: object, available: int, locked: int, amount: int
) -> None:
    assert callable(take)
    ledger = Ledger()
    ledger.earn(available)
    refusal: DomainError | None = None
    try:
        take(ledger, amount, Locked(locked, None))
    except DomainError as error:
        refusal = error
    if amount > available:
        assert isinstance(refusal, InsufficientPoints)  # it is not there at all, locked or not
    elif amount > available - locked:
        assert isinstance(refusal, PointsLocked)
        told = {name: int(refusal.metadata[name]) for name in ("required", "available", "locked", "missing")}
        assert told == {
            "required": amount,
            "available": available,
            "locked": locked,
            "missing": amount + locked - available,
        }
    else:
        assert refusal is None
    taken = 0 if refusal else amount
    assert (ledger.ada.available, ledger.ada.version) == (available - taken, 1 if refusal else 2)
    require_sound(ledger.ada, ledger.now)


@pytest.mark.parametrize("take", [spend, hold])
def test_what_is_locked_was_found_at_the_version_that_the_account_is_at(take: object) -> None:
    assert callable(take)
    ledger = Ledger()
    ledger.earn(50)
    ledger.earn(50)
    for seen in (0, 1, 3):
        with pytest.raises(BalanceChanged) as refusal:
            take(ledger, 10, Locked(0, seen))
        assert (refusal.value.metadata["version"], refusal.value.metadata["seen"]) == ("2", str(seen))
        assert not refusal.value.frozen  # what is locked is found again, and the same request comes with that
    with pytest.raises(BalanceChanged):  # points that are pending become available, which are locked as well
        take(ledger, 10, Locked(0, 2, ledger.now))
    take(ledger, 10, Locked(90, 2, later(600)))
    assert ledger.ada.available == 90


def test_points_that_are_held_or_pending_are_not_there_to_be_left() -> None:
    ledger = Ledger()
    ledger.earn(60)
    ledger.earn(40, available=later(10_000))
    ledger.hold(20)
    with pytest.raises(PointsLocked) as refusal:
        spend(ledger, 20, Locked(30, None))
    assert (refusal.value.metadata["available"], refusal.value.metadata["missing"]) == ("40", "10")
    spend(ledger, 10, Locked(30, None))
