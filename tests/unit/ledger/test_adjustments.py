"""What one person may adjust alone, and what becomes of an adjustment that is proposed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.adjustments import Adjustment, AdjustmentState, Deed, approve, require_alone
from ledger.domain.books import IfClosed
from ledger.domain.errors import (
    AdjustmentAlreadyApproved,
    AdjustmentAlreadyRejected,
    InsufficientPoints,
    SecondPersonRequired,
)
from ledger.domain.model import LONG_AGO, NEVER, Account, AccountKind
from ledger.domain.policies import EVERY_OTHER_UNIT, Policies
from ledger.domain.posting import PostingOrder
from tests.unit.ledger.builders import ADA, ADJUSTMENT, NOW, SHOP, Ledger, later


def posting(amount: int, unit: int = 1, *, taken: bool = False) -> PostingOrder:
    member = replace(ADA, unit=unit)
    other = Account(0, 90 + unit, SHOP, unit, AccountKind.ADJUSTMENT, "adjustment", NOW)
    source, destination = (member, other) if taken else (other, member)
    return PostingOrder(source, destination, amount, NEVER, LONG_AGO)


def proposed(*postings: PostingOrder) -> Adjustment:
    return Adjustment(7, SHOP, postings, None, IfClosed.REFUSE, "memo", Deed("proposer", "proposer", NOW))


@pytest.mark.parametrize(
    ("limits", "amounts", "over"),
    [
        ({}, [(1, 2**53)] * 100, None),
        ({1: 100}, [(1, 100)], None),
        ({1: 100}, [(1, 101)], (100, 101)),
        ({1: 100}, [(1, 51), (1, 50)], (100, 101)),
        ({1: 100}, [(2, 101)], None),
        ({EVERY_OTHER_UNIT: 100}, [(1, 100), (2, 100)], None),
        ({EVERY_OTHER_UNIT: 100}, [(1, 100), (2, 101)], (100, 101)),
        ({EVERY_OTHER_UNIT: 0, 1: 100}, [(1, 100)], None),
        ({EVERY_OTHER_UNIT: 0, 1: 100}, [(1, 100), (2, 1)], (0, 1)),
        ({EVERY_OTHER_UNIT: 100, 1: 0}, [(1, 1)], (0, 1)),
    ],
)
def test_a_limit_is_for_all_that_one_transaction_moves_of_a_unit(
    limits: dict[int, int], amounts: list[tuple[int, int]], over: tuple[int, int] | None
) -> None:
    postings = [posting(amount, unit) for unit, amount in amounts]
    if over is None:
        require_alone(SHOP, postings, Policies(limits))
        return
    with pytest.raises(SecondPersonRequired) as refused:
        require_alone(SHOP, postings, Policies(limits))
    assert (refused.value.metadata["limit"], refused.value.metadata["amount"]) == tuple(map(str, over))


@given(limit=st.integers(0, 50), parts=st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=6))
def test_cutting_an_adjustment_into_postings_or_turning_some_around_gets_nobody_past_a_limit(
    limit: int, parts: list[tuple[int, bool]]
) -> None:
    postings = [posting(amount, taken=taken) for amount, taken in parts]
    if sum(amount for amount, _ in parts) <= limit:
        require_alone(SHOP, postings, Policies({1: limit}))
    else:
        with pytest.raises(SecondPersonRequired):
            require_alone(SHOP, postings, Policies({1: limit}))


def test_an_approval_posts_what_was_proposed_in_both_names_and_cannot_come_twice_in_one_batch() -> None:
    ledger = Ledger()
    proposal = proposed(PostingOrder(ADJUSTMENT, ADA, 30, later(500), LONG_AGO))
    ledger.desk.adjustments[7] = proposal
    record = approve(proposal, "approver", "approver", ledger.desk, ledger.tick())
    assert (record.actor, record.memo) == ("proposer approved by approver", "memo")
    assert (ledger.ada.posted, ledger.ada.valid_until) == (30, later(500))
    [approved] = ledger.desk.journal.approvals
    assert (approved.state, approved.transaction) == (AdjustmentState.APPROVED, record.id)
    assert approved.resolved == Deed("approver", "approver", ledger.now)
    with pytest.raises(AdjustmentAlreadyApproved) as refused:
        approve(ledger.desk.adjustments[7], "third", "third", ledger.desk, ledger.tick())
    assert refused.value.metadata["transaction"] == f"programs/shop/transactions/{record.id}"
    assert ledger.ada.posted == 30


def test_a_refused_approval_leaves_the_adjustment_as_it_was_proposed() -> None:
    ledger = Ledger()
    proposal = proposed(PostingOrder(ADA, ADJUSTMENT, 30, NEVER, LONG_AGO))
    ledger.desk.adjustments[7] = proposal
    for person, refusal in (("proposer", SecondPersonRequired), ("approver", InsufficientPoints)):
        with pytest.raises(refusal):
            approve(proposal, person, person, ledger.desk, ledger.tick())
    rejected = replace(proposal, state=AdjustmentState.REJECTED)
    with pytest.raises(AdjustmentAlreadyRejected):
        approve(rejected, "approver", "approver", ledger.desk, ledger.tick())
    assert ledger.desk.adjustments[7] == proposal
    assert (ledger.desk.journal.approvals, ledger.desk.journal.records) == ([], [])
