"""Reversal: what goes back where, what is taken first, and what is never taken twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.clockwork import sweep
from ledger.domain.errors import BalanceOverflow, NotReversible, OverReversal, PartialReversalNotPossible
from ledger.domain.holds import CaptureOrder, capture, release
from ledger.domain.journal import Record
from ledger.domain.model import BALANCE_MAX, LONG_AGO, NEVER, EventKind, Kind
from ledger.domain.policies import Policies
from ledger.domain.posting import PostingOrder
from ledger.domain.reversal import Policy, restorable
from tests.unit.ledger.builders import (
    ADA,
    BUDGET,
    ISSUANCE,
    REDEMPTION,
    Ledger,
    later,
    open_lots,
    require_sound,
)


def test_reversing_a_spend_restores_its_lots_in_reverse_order_with_their_own_expiry() -> None:
    ledger = Ledger()
    soon, later_, never = ledger.earn(10, expires=later(500)), ledger.earn(10, expires=later(900)), ledger.earn(10)
    spent = ledger.spend(25)
    assert open_lots(ledger.ada) == {never.id: 5}
    first = ledger.reverse(spent, 12)
    assert first is not None
    assert first.entries[0].moves == ((never.id, 5), (later_.id, 7))
    second = ledger.reverse(spent)
    assert second is not None
    assert second.entries[0].moves == ((later_.id, 3), (soon.id, 10))
    assert open_lots(ledger.ada) == {soon.id: 10, later_.id: 10, never.id: 10}
    assert (ledger.ada.available, ledger.ada.spent) == (30, 0)
    require_sound(ledger.ada, ledger.now)


def test_a_restored_lot_that_has_expired_meanwhile_expires_again_at_once() -> None:
    ledger = Ledger()
    gone, kept = ledger.earn(10, expires=later(100)), ledger.earn(10)
    spent = ledger.spend(15)
    ledger.tick(100)
    sweep(ledger.ada, ledger.desk, ledger.now)
    record = ledger.reverse(spent)
    expired = ledger.desk.journal.records[-1]
    assert record is not None
    assert (expired.kind, expired.entries[0].moves) == (Kind.EXPIRY, ((gone.id, -10),))
    assert expired.record_time > record.record_time
    assert open_lots(ledger.ada) == {kept.id: 10}
    assert (ledger.ada.posted, ledger.ada.available) == (10, 10)
    require_sound(ledger.ada, ledger.now)


def test_a_restored_lot_that_has_expired_meanwhile_lives_for_the_grace_that_the_program_grants() -> None:
    ledger = Ledger(policies=Policies(restored_lot_grace=timedelta(days=30)))
    gone, live = ledger.earn(10, expires=later(100)), ledger.earn(10, expires=later(10_000))
    spent = ledger.spend(15)
    ledger.earn(1, expires=later(100))
    ledger.tick(100)
    sweep(ledger.ada, ledger.desk, ledger.now)
    record = ledger.reverse(spent)
    assert record is not None
    [moved] = ledger.desk.journal.events
    graced = ledger.now + timedelta(days=30)
    assert (moved.kind, moved.moves, moved.expire_time) == (EventKind.EXPIRY_MOVED, ((gone.id, 0),), graced)
    assert moved.expire_times_before == (later(100),)
    assert (moved.version, record.entries[0].destination_version) == (ledger.ada.version - 1, ledger.ada.version)
    assert open_lots(ledger.ada) == {gone.id: 10, live.id: 10}
    assert ledger.ada.lots[live.id].expire_time == later(10_000)
    assert (ledger.ada.available, ledger.ada.lots[gone.id].expire_time) == (20, graced)
    require_sound(ledger.ada, ledger.now)


def test_each_part_that_is_restored_within_the_grace_shares_it_and_a_later_one_gets_its_own() -> None:
    ledger = Ledger(policies=Policies(restored_lot_grace=timedelta(seconds=60)))
    gone = ledger.earn(10, expires=later(100))
    spent = ledger.spend(10)
    ledger.tick(100)
    ledger.reverse(spent, 2)
    first = ledger.ada.lots[gone.id].expire_time
    ledger.tick(30)
    ledger.reverse(spent, 3)
    assert ledger.ada.lots[gone.id].expire_time == first
    ledger.tick(30)
    sweep(ledger.ada, ledger.desk, ledger.now)
    assert ledger.ada.posted == 0
    ledger.reverse(spent)
    assert (ledger.ada.available, ledger.ada.valid_until) == (5, ledger.now + timedelta(seconds=60))
    require_sound(ledger.ada, ledger.now)


def test_what_is_held_of_a_lot_that_is_granted_a_grace_lives_as_long_and_then_expires_when_it_is_released() -> None:
    for wait, left in ((10, 10), (60, 0)):
        ledger = Ledger(policies=Policies(restored_lot_grace=timedelta(seconds=60)))
        ledger.earn(10, expires=later(100))
        held, spent = ledger.hold(4, seconds=10_000), ledger.spend(6)
        ledger.tick(100)
        ledger.reverse(spent)
        assert (ledger.ada.available, ledger.ada.held) == (6, 4)
        sweep(ledger.ada, ledger.desk, ledger.tick(wait))
        release(ledger.ada.holds[held.id], ledger.ada, "tester", ledger.desk, ledger.tick())
        assert ledger.ada.posted == left
        require_sound(ledger.ada, ledger.now)


def test_a_grace_revives_nothing_that_a_hold_gives_back() -> None:
    ledger = Ledger(policies=Policies(restored_lot_grace=timedelta(days=30)))
    ledger.earn(10, expires=later(100))
    held = ledger.hold(10, seconds=10_000)
    ledger.tick(100)
    release(held, ledger.ada, "tester", ledger.desk, ledger.now)
    assert (ledger.ada.posted, ledger.desk.journal.records[-1].kind) == (0, Kind.EXPIRY)


def test_debt_is_paid_from_a_lot_that_a_grace_revives() -> None:
    ledger = Ledger(policies=Policies(restored_lot_grace=timedelta(days=30)))
    earned = ledger.earn(10, expires=later(100))
    spent = ledger.spend(10)
    ledger.tick(100)
    ledger.reverse(earned)
    assert ledger.ada.debt == 10
    ledger.reverse(spent, 4)
    assert (ledger.ada.debt, ledger.ada.posted, ledger.ada.available) == (6, -6, -6)
    require_sound(ledger.ada, ledger.now)


def test_a_refused_reversal_leaves_no_grace_in_the_journal() -> None:
    ledger = Ledger(policies=Policies(restored_lot_grace=timedelta(days=30)))
    ledger.earn(10, expires=later(100))
    postings = [PostingOrder(ADA, REDEMPTION, amount, NEVER, LONG_AGO) for amount in (4, 6)]
    spent = ledger.move(Kind.SPEND, *postings)
    ledger.tick(100)
    ledger.ada.earned = BALANCE_MAX - 5
    with pytest.raises(BalanceOverflow):
        ledger.reverse(spent)
    assert ledger.desk.journal.events == []


def test_all_reversals_together_take_at_most_the_original() -> None:
    ledger = Ledger()
    ledger.earn(100)
    spent = ledger.spend(50)
    ledger.reverse(spent, 30)
    with pytest.raises(OverReversal) as refused:
        ledger.reverse(spent, 21)
    assert (refused.value.metadata["requested"], refused.value.metadata["remaining"]) == ("21", "20")
    ledger.reverse(spent, 20)
    for amount in (0, 1):
        with pytest.raises(OverReversal):
            ledger.reverse(spent, amount)
    assert (ledger.ada.posted, ledger.ada.spent) == (100, 0)


def test_an_expiry_and_a_reversal_cannot_be_reversed() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(100))
    ledger.earn(10)
    undone = ledger.reverse(ledger.spend(2))
    sweep(ledger.ada, ledger.desk, ledger.tick(100))
    expiry = ledger.desk.journal.records[-1]
    assert undone is not None
    for record in (expiry, undone):
        with pytest.raises(NotReversible):
            ledger.reverse(record)


@pytest.mark.parametrize(
    ("policy", "taken", "posted", "debt", "lots"),
    [
        (Policy.ONLY_UNSPENT, 40, 20, 0, {1: 20}),
        (Policy.WITHIN_BALANCE, 60, 0, 0, {}),
        (Policy.ALLOW_NEGATIVE, 100, -40, 40, {}),
    ],
)
def test_reversing_an_earn_takes_its_own_lots_first_then_what_the_policy_allows(
    policy: Policy, taken: int, posted: int, debt: int, lots: dict[int, int]
) -> None:
    ledger = Ledger()
    earned = ledger.earn(100, expires=later(500))
    ledger.spend(60)
    other = ledger.earn(20)
    record = ledger.reverse(earned, policy=policy)
    assert record is not None
    assert sum(entry.amount for entry in record.entries) == taken
    assert record.entries[0].moves[0] == (earned.id, -40)
    assert record.entries[0].source_debt_delta == debt
    ada = ledger.ada
    assert (ada.posted, ada.debt, ada.available) == (posted, debt, posted)
    assert open_lots(ada) == ({other.id: 20} if lots else {})
    assert ada.earned == 120 - taken
    require_sound(ada, ledger.now)


@pytest.mark.parametrize("policy", [Policy.ONLY_UNSPENT, Policy.WITHIN_BALANCE])
def test_a_policy_that_leaves_nothing_to_take_posts_nothing(policy: Policy) -> None:
    ledger = Ledger()
    earned = ledger.earn(100)
    ledger.spend(100)
    before = ledger.ada.copy()
    assert ledger.reverse(earned, policy=policy) is None
    assert ledger.ada == before


@pytest.mark.parametrize("policy", [Policy.ONLY_UNSPENT, Policy.WITHIN_BALANCE])
def test_what_is_held_is_not_taken_unless_a_debt_is_allowed(policy: Policy) -> None:
    ledger = Ledger()
    earned = ledger.earn(100)
    ledger.hold(70)
    record = ledger.reverse(earned, policy=policy)
    assert record is not None
    assert (record.entries[0].amount, ledger.ada.available, ledger.ada.held) == (30, 0, 70)
    require_sound(ledger.ada, ledger.now)


def test_pending_points_of_the_earn_itself_are_taken_under_every_policy() -> None:
    for policy in Policy:
        ledger = Ledger()
        earned = ledger.earn(100, available=later(500))
        record = ledger.reverse(earned, policy=policy)
        assert record is not None
        assert (record.entries[0].amount, ledger.ada.pending, ledger.ada.posted) == (100, 0, 0)
        require_sound(ledger.ada, ledger.now)


def test_points_that_have_expired_are_not_taken_again() -> None:
    ledger = Ledger()
    earned = ledger.earn(100, expires=later(50))
    ledger.spend(30)
    sweep(ledger.ada, ledger.desk, ledger.tick(50))
    with pytest.raises(OverReversal) as refused:
        ledger.reverse(earned, 31)
    assert refused.value.metadata["remaining"] == "30"
    ledger.reverse(earned)
    assert (ledger.ada.posted, ledger.ada.debt) == (-30, 30)
    require_sound(ledger.ada, ledger.now)


def test_debt_is_paid_first_by_credits_matured_lots_and_restored_lots() -> None:
    ledger = Ledger()
    earned = ledger.earn(100)
    spent = ledger.spend(100)
    ledger.reverse(earned)
    assert (ledger.ada.debt, ledger.ada.available) == (100, -100)

    credit = ledger.earn(30)
    assert (credit.entries[0].moves, credit.entries[0].destination_debt_delta) == (((credit.id, -30),), -30)
    assert (ledger.ada.debt, ledger.ada.posted, open_lots(ledger.ada)) == (70, -70, {})

    pending = ledger.earn(20, available=later(500))
    assert (ledger.ada.debt, ledger.ada.pending, ledger.ada.posted, ledger.ada.available) == (70, 20, -50, -70)
    sweep(ledger.ada, ledger.desk, ledger.tick(500))
    [paid] = ledger.desk.journal.events
    assert (paid.moves, paid.debt_delta) == (((pending.id, -20),), -20)
    assert (ledger.ada.debt, ledger.ada.pending, ledger.ada.available) == (50, 0, -50)

    restored = ledger.reverse(spent, 60)
    assert restored is not None
    assert restored.entries[0].moves == ((earned.id, 60), (earned.id, -50))
    assert (ledger.ada.debt, ledger.ada.posted, ledger.ada.available) == (0, 10, 10)
    require_sound(ledger.ada, ledger.now)


def test_a_gift_that_paid_the_receivers_debt_can_be_reversed_to_the_giver_lot_by_lot() -> None:
    ledger = Ledger()
    ledger.reverse(_spent_earn(ledger))
    assert ledger.ada.debt == 50
    bens = ledger.earn(80, to=ledger.ben.account)
    gift = ledger.give(70, ledger.ben.account, ADA)
    assert gift.entries[0].moves == ((bens.id, -70), (gift.id, -50))
    record = ledger.reverse(gift)
    assert record is not None
    assert open_lots(ledger.ben) == {bens.id: 80}
    assert (ledger.ben.spent, ledger.ada.posted, ledger.ada.debt) == (0, -50, 50)
    for one in (ledger.ada, ledger.ben):
        require_sound(one, ledger.now)


def _spent_earn(ledger: Ledger) -> Record:
    earned = ledger.earn(50)
    ledger.spend(50)
    return earned


def test_a_capture_whose_rest_paid_debt_is_restored_to_the_lots_that_were_captured() -> None:
    ledger = Ledger()
    soon, never = ledger.earn(10, expires=later(900)), ledger.earn(10)
    hold = ledger.hold(20)
    ledger.reverse(never, 6)
    _, record = capture(CaptureOrder(10, REDEMPTION, "tester", ""), hold, ledger.ada, ledger.desk, ledger.tick())
    assert record.entries[0].moves == ((soon.id, -10), (never.id, -6))
    ledger.reverse(record, 4)
    assert open_lots(ledger.ada) == {soon.id: 4, never.id: 4}
    require_sound(ledger.ada, ledger.now)


def test_reversing_a_gift_does_not_follow_the_points_to_other_members() -> None:
    ledger = Ledger()
    mine = ledger.earn(50)
    gift = ledger.give(50)
    ledger.spend(50, ledger.ben.account)
    assert ledger.reverse(gift, policy=Policy.WITHIN_BALANCE) is None
    ledger.reverse(gift)
    assert open_lots(ledger.ada) == {mine.id: 50}
    assert (ledger.ben.posted, ledger.ben.debt) == (-50, 50)


def test_a_transaction_of_several_postings_is_reversed_as_a_whole_and_once() -> None:
    ledger = Ledger()
    both = ledger.move(
        Kind.EARN,
        PostingOrder(ISSUANCE, ADA, 10, NEVER, LONG_AGO),
        PostingOrder(BUDGET, ledger.ben.account, 20, NEVER, LONG_AGO),
    )
    with pytest.raises(PartialReversalNotPossible):
        ledger.reverse(both, 10)
    record = ledger.reverse(both, 30)
    assert record is not None
    assert [(e.destination, e.amount) for e in record.entries] == [(ISSUANCE, 10), (BUDGET, 20)]
    with pytest.raises(OverReversal):
        ledger.reverse(both)


def test_a_restored_spend_may_not_leave_int64() -> None:
    ledger = Ledger()
    ledger.earn(10)
    spent = ledger.spend(10)
    ledger.ada.posted = BALANCE_MAX - 5
    with pytest.raises(BalanceOverflow):
        ledger.reverse(spent)


amounts = st.lists(st.integers(1, 100), min_size=1, max_size=6)


@given(taken=amounts, parts=st.lists(st.integers(1, 60), max_size=12))
def test_reversals_in_parts_restore_exactly_what_one_in_full_would(taken: list[int], parts: list[int]) -> None:
    consumed = [(number, amount) for number, amount in enumerate(taken)]
    left = sum(taken)
    restored: list[tuple[int, int]] = []
    for part in [*parts, sum(taken)]:
        amount = min(part, left)
        if amount:
            restored += restorable(consumed, restored, amount)
            left -= amount
    back: dict[int, int] = {}
    for number, amount in restored:
        back[number] = back.get(number, 0) + amount
    assert back == dict(consumed)
    order = [number for number, _ in restored]
    assert order == sorted(order, reverse=True)
    whole = restorable(consumed, [], sum(taken))
    assert whole == consumed[::-1]


def test_more_than_was_consumed_cannot_be_restored() -> None:
    with pytest.raises(AssertionError):
        restorable([(1, 10)], [(1, 5)], 6)
