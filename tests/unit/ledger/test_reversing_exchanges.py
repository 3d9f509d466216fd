"""An exchange goes back as a whole or not at all: both programs' points, or neither's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import DomainError
from ledger.domain.book import Book
from ledger.domain.errors import (
    AccountClosed,
    InsufficientPoints,
    NotReversible,
    OverReversal,
    PartialReversalNotPossible,
)
from ledger.domain.journal import Record
from ledger.domain.model import LONG_AGO, NEVER, AccountKind, AccountState, Kind, Program
from ledger.domain.policies import Policies
from ledger.domain.posting import PostingOrder
from ledger.domain.reversal import Policy, ReversalOrder, require_cancellable, reverse
from tests.unit.ledger.builders import ADA, Ledger, account, book, later, open_lots, original, require_sound

AIR = Program(2, "air", "UTC", 1)
FLYER = account(21, program=AIR)
SENT = account(8, AccountKind.EXCHANGE)
RECEIVED = account(28, AccountKind.EXCHANGE, AIR)
FLIGHTS = account(23, AccountKind.REDEMPTION, AIR)
ISSUED = account(22, AccountKind.ISSUANCE, AIR)


def coalition(policies: Policies | None = None) -> tuple[Ledger, Book]:
    """Two programs, of which the sender's has these policies; the book is that of the member who receives."""
    ledger = Ledger({ADA.id: book(), FLYER.id: book(of=FLYER)}, policies=policies or Policies())
    ledger.desk.slices.update({SENT.id: None, RECEIVED.id: None})
    ledger.desk.policies[AIR.number] = Policies()
    return ledger, ledger.books[FLYER.id]


def exchange(ledger: Ledger, amount: int, *legs: tuple[int, datetime], available: datetime = LONG_AGO) -> Record:
    """Ada sends an amount; the flyer receives the legs, which expire when they say."""
    received = [PostingOrder(RECEIVED, FLYER, points, expires, available) for points, expires in legs]
    return ledger.move(Kind.EXCHANGE, PostingOrder(ADA, SENT, amount, NEVER, LONG_AGO), *received)


def fly(ledger: Ledger, amount: int) -> None:
    ledger.move(Kind.SPEND, PostingOrder(FLYER, FLIGHTS, amount, NEVER, LONG_AGO))


def test_it_puts_both_sides_back_and_each_lot_of_the_sender_to_its_own_expiry() -> None:
    ledger, flyer = coalition()
    soon, late = ledger.earn(30, expires=later(500)), ledger.earn(50, expires=later(900))
    before = open_lots(ledger.ada)
    exchanged = exchange(ledger, 60, (20, later(500)), (25, later(900)))
    record = ledger.reverse(exchanged)
    assert record is not None
    assert [(e.source, e.destination, e.amount) for e in record.entries] == [
        (SENT, ADA, 60),
        (FLYER, RECEIVED, 20),
        (FLYER, RECEIVED, 25),
    ]
    assert open_lots(ledger.ada) == before == {soon.id: 30, late.id: 50}
    assert (flyer.posted, flyer.debt, open_lots(flyer)) == (0, 0, {})
    assert (ledger.ada.earned, ledger.ada.spent, flyer.earned, flyer.spent) == (80, 0, 0, 0)
    with pytest.raises(OverReversal):
        ledger.reverse(exchanged)


@pytest.mark.parametrize(
    ("policy", "flown", "besides", "debt"),
    [
        (Policy.ONLY_UNSPENT, 0, 0, 0),
        (Policy.ONLY_UNSPENT, 1, 50, None),
        (Policy.WITHIN_BALANCE, 30, 30, 0),
        (Policy.WITHIN_BALANCE, 30, 29, None),
        (Policy.ALLOW_NEGATIVE, 30, 0, 30),
    ],
)
def test_what_the_receiver_has_spent_refuses_the_whole_unless_the_policy_finds_it_elsewhere(
    policy: Policy, flown: int, besides: int, debt: int | None
) -> None:
    ledger, flyer = coalition()
    ledger.earn(100)
    exchanged = exchange(ledger, 60, (20, later(500)), (25, NEVER))
    if flown:
        fly(ledger, flown)
    if besides:
        ledger.move(Kind.EARN, PostingOrder(ISSUED, FLYER, besides, NEVER, LONG_AGO))
    before = [one.copy() for one in ledger.books.values()]
    if debt is None:
        with pytest.raises(InsufficientPoints) as refusal:
            ledger.reverse(exchanged, policy=policy)
        left = 45 - flown if policy is Policy.ONLY_UNSPENT else 45 - flown + besides
        assert refusal.value.metadata["account"] == FLYER.name
        assert (refusal.value.metadata["required"], refusal.value.metadata["available"]) == ("45", str(left))
        assert list(ledger.books.values()) == before
    else:
        record = ledger.reverse(exchanged, policy=policy)
        assert record is not None
        assert [entry.amount for entry in record.entries] == [60, 20, 25]
        assert (ledger.ada.posted, flyer.posted, flyer.debt) == (100, besides - flown, debt)
    for one in ledger.books.values():
        require_sound(one, ledger.now)


def test_it_is_not_taken_back_in_part_nor_once_a_part_of_what_it_brought_has_expired() -> None:
    ledger, flyer = coalition()
    ledger.earn(100)
    exchanged = exchange(ledger, 60, (20, later(500)), (25, NEVER))
    for amount in (1, 60, 105):
        with pytest.raises(PartialReversalNotPossible):
            ledger.reverse(exchanged, amount)
    at = ledger.tick(600)
    flyer.expire(flyer.lots[exchanged.entries[1].id], at)
    for policy in Policy:
        with pytest.raises(OverReversal) as refusal:
            ledger.reverse(exchanged, policy=policy)
        assert (refusal.value.metadata["requested"], refusal.value.metadata["remaining"]) == ("20", "0")
    assert (ledger.ada.posted, flyer.posted) == (40, 25)


@pytest.mark.parametrize("closed", [ADA.id, FLYER.id])
def test_a_closed_account_on_either_side_refuses_it(closed: int) -> None:
    ledger, _ = coalition()
    ledger.earn(100)
    exchanged = exchange(ledger, 60, (45, NEVER))
    ledger.books[closed].state = AccountState.CLOSED
    with pytest.raises(AccountClosed):
        ledger.reverse(exchanged)


def test_what_has_expired_at_the_sender_gets_the_grace_of_the_sender_s_program() -> None:
    ledger, _ = coalition(Policies(restored_lot_grace=timedelta(days=1)))
    earned = ledger.earn(60, expires=later(100))
    exchanged = original(exchange(ledger, 60, (45, NEVER)))
    at = ledger.tick(200)
    of_the_receiver = replace(exchanged, program=AIR)
    assert reverse(ReversalOrder(0, Policy.ALLOW_NEGATIVE, "tester", ""), of_the_receiver, ledger.desk, at) is not None
    assert ledger.ada.lots[earned.id].expire_time == at + timedelta(days=1)
    assert (ledger.ada.posted, ledger.ada.available) == (60, 60)


def test_points_of_an_exchange_that_are_still_pending_are_not_cancelled_by_themselves() -> None:
    ledger, _ = coalition()
    ledger.earn(100)
    exchanged = exchange(ledger, 60, (45, NEVER), available=later(500))
    with pytest.raises(NotReversible):
        require_cancellable(original(exchanged))
    assert ledger.reverse(exchanged, policy=Policy.ONLY_UNSPENT) is not None


@given(
    st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(100, 900)), min_size=1, max_size=4),
    st.integers(0, 60),
    st.integers(0, 60),
    st.booleans(),
    st.sampled_from(Policy),
)
def test_both_sides_are_whole_again_or_as_they_were(
    legs: list[tuple[int, int | None]], besides: int, flown: int, pending: bool, policy: Policy
) -> None:
    ledger, flyer = coalition()
    ledger.earn(100)
    if besides:
        ledger.move(Kind.EARN, PostingOrder(ISSUED, FLYER, besides, later(600), LONG_AGO))
    available = later(90) if pending else LONG_AGO
    received = [(points, NEVER if life is None else later(life)) for points, life in legs]
    exchanged = exchange(ledger, 60, *received, available=available)
    if 0 < flown <= flyer.available:
        fly(ledger, flown)
    before = [one.copy() for one in ledger.books.values()]
    posted = flyer.posted
    try:
        record = ledger.reverse(exchanged, policy=policy)
    except DomainError:
        assert policy is not Policy.ALLOW_NEGATIVE
        assert list(ledger.books.values()) == before
    else:
        assert record is not None
        assert [entry.amount for entry in record.entries] == [60, *(points for points, _ in legs)]
        assert (ledger.ada.posted, flyer.posted) == (100, posted - sum(points for points, _ in legs))
        assert flyer.debt == 0 or policy is Policy.ALLOW_NEGATIVE
    for one in ledger.books.values():
        require_sound(one, ledger.now)
