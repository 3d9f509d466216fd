"""Updating lots: expiry moved, pending lots activated or cancelled, each recorded and nothing else touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.clockwork import sweep
from ledger.domain.errors import ExpiryBeforeAvailable, ExpiryPassed, OverReversal, PartialReversalNotPossible
from ledger.domain.holds import release
from ledger.domain.lots import Activate
from ledger.domain.model import NEVER, EventKind, Kind
from ledger.domain.posting import PostingOrder
from ledger.store.writer import _as_made
from tests.unit.ledger.builders import ADA, BUDGET, ISSUANCE, Ledger, later, open_lots, pending, require_sound


def test_an_expiry_can_be_moved_later_earlier_and_away_and_the_event_says_what_it_was() -> None:
    ledger = Ledger()
    lot = ledger.earn(10, expires=later(100))
    for to, before in ((later(500), later(100)), (later(50), later(500)), (NEVER, later(50))):
        assert ledger.move_expiry(to) == 10
        event = ledger.desk.journal.events[-1]
        assert (event.kind, event.moves) == (EventKind.EXPIRY_MOVED, ((lot.id, 0),))
        assert (event.expire_time, event.expire_times_before) == (to, (before,))
        assert (ledger.ada.lots[lot.id].expire_time, ledger.ada.valid_until) == (to, to)
        assert event.version == ledger.ada.version
    assert (ledger.ada.version, ledger.ada.available) == (4, 10)


def test_only_the_lots_named_are_moved() -> None:
    ledger = Ledger()
    one, other = ledger.earn(10, expires=later(100)), ledger.earn(10, expires=later(100))
    assert ledger.move_expiry(later(500), other) == 10
    assert [ledger.ada.lots[r.id].expire_time for r in (one, other)] == [later(100), later(500)]


def test_extending_leaves_what_expires_later() -> None:
    ledger = Ledger()
    records = [ledger.earn(10, expires=at) for at in (later(100), later(300), later(200), NEVER)]
    assert ledger.move_expiry(later(300), only_extend=True) == 20
    expiries = [ledger.ada.lots[record.id].expire_time for record in records]
    assert expiries == [later(300), later(300), later(300), NEVER]


def test_what_is_so_already_is_no_change() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(100))
    before = ledger.ada.copy()
    assert ledger.move_expiry(later(100)) == 0
    assert ledger.update_lots(Activate()) == 0
    assert ledger.ada == before


def test_a_lot_that_has_expired_or_is_closed_stays_as_it_is() -> None:
    ledger = Ledger()
    held = ledger.earn(10, expires=later(100))
    spent = ledger.earn(5, expires=later(50))
    ledger.spend(5)
    hold = ledger.hold(10)
    sweep(ledger.ada, ledger.desk, ledger.tick(100))
    assert ledger.move_expiry(later(900), held, spent) == 0
    release(hold, ledger.ada, "tester", ledger.desk, ledger.tick())
    assert open_lots(ledger.ada) == {}


def test_no_lot_is_made_to_expire_in_the_past_or_before_it_can_be_spent() -> None:
    ledger = Ledger()
    ledger.earn(10, available=later(100))
    before = ledger.ada.copy()
    with pytest.raises(ExpiryPassed):
        ledger.move_expiry(ledger.now)
    with pytest.raises(ExpiryBeforeAvailable):
        ledger.move_expiry(later(100))
    assert ledger.ada == before
    ledger.move_expiry(later(101))


def test_a_lot_moved_while_it_is_held_is_captured_or_comes_back_with_its_new_expiry() -> None:
    ledger = Ledger()
    lot = ledger.earn(10, expires=later(100))
    hold = ledger.hold(4)
    ledger.move_expiry(later(300))
    sweep(ledger.ada, ledger.desk, ledger.tick(150))
    assert open_lots(ledger.ada) == {lot.id: 10}
    release(hold, ledger.ada, "tester", ledger.desk, ledger.tick())
    assert (ledger.ada.available, ledger.ada.held) == (10, 0)
    require_sound(ledger.ada, ledger.now)


def test_a_lot_made_to_expire_while_it_is_held_keeps_what_is_held() -> None:
    ledger = Ledger()
    lot = ledger.earn(10)
    ledger.hold(4)
    ledger.move_expiry(later(50))
    sweep(ledger.ada, ledger.desk, ledger.tick(60))
    assert (open_lots(ledger.ada), ledger.ada.held, ledger.ada.available) == ({lot.id: 4}, 4, 0)
    require_sound(ledger.ada, ledger.now)


def test_points_pending_until_they_are_activated_wait_for_no_clock_save_their_expiry() -> None:
    ledger = Ledger()
    ledger.move(Kind.EARN, pending(10))
    short = ledger.move(Kind.EARN, pending(5, expires=later(1000)))
    sweep(ledger.ada, ledger.desk, ledger.tick(500))
    assert (ledger.ada.pending, ledger.ada.available, ledger.ada.valid_until) == (15, 0, later(1000))
    sweep(ledger.ada, ledger.desk, ledger.tick(500))
    assert (ledger.ada.pending, ledger.ada.lots[short.id].expired) == (10, 5)
    assert ledger.update_lots(Activate()) == 10
    assert (ledger.ada.pending, ledger.ada.available) == (0, 10)
    assert ledger.desk.journal.events[-1].kind is EventKind.LOTS_ACTIVATED
    require_sound(ledger.ada, ledger.now)


def test_activating_brings_forward_what_was_to_mature_and_only_what_was_named() -> None:
    ledger = Ledger()
    one = ledger.earn(10, available=later(500))
    ledger.earn(5, available=later(500))
    assert ledger.update_lots(Activate(), one) == 10
    assert (ledger.ada.available, ledger.ada.pending, ledger.ada.valid_until) == (10, 5, later(500))


def test_activated_points_pay_debt_first() -> None:
    ledger = Ledger()
    earned = ledger.earn(8)
    ledger.spend(8)
    ledger.reverse(earned)
    waiting = ledger.move(Kind.EARN, pending(10))
    other = ledger.move(Kind.EARN, pending(3))
    assert ledger.update_lots(Activate()) == 13
    event = ledger.desk.journal.events[-1]
    assert (event.moves, event.debt_delta) == (((waiting.id, -8), (other.id, 0)), -8)
    assert (ledger.ada.debt, ledger.ada.posted, ledger.ada.available) == (0, 5, 5)
    require_sound(ledger.ada, ledger.now)


def test_cancelled_points_return_to_where_they_came_from_and_were_never_earned() -> None:
    ledger = Ledger()
    kept = ledger.earn(3)
    issued = ledger.move(Kind.EARN, pending(10))
    granted = ledger.move(Kind.GRANT, PostingOrder(BUDGET, ADA, 5, NEVER, later(500)))
    assert ledger.cancel(issued, granted) == 15
    first, second = ledger.desk.journal.records[-2:]
    assert [(r.kind, r.reverses, r.entries[0].destination) for r in (first, second)] == [
        (Kind.REVERSAL, issued.id, ISSUANCE),
        (Kind.REVERSAL, granted.id, BUDGET),
    ]
    assert first.record_time < second.record_time
    assert (open_lots(ledger.ada), ledger.ada.earned, ledger.ada.pending) == ({kept.id: 3}, 3, 0)
    for record in (issued, granted):
        with pytest.raises(OverReversal):
            ledger.reverse(record)
    require_sound(ledger.ada, ledger.now)


def test_what_is_no_longer_pending_is_not_cancelled() -> None:
    ledger = Ledger()
    record = ledger.move(Kind.EARN, pending(10))
    ledger.update_lots(Activate())
    assert ledger.cancel(record) == 0
    assert ledger.ada.available == 10


def test_a_gift_that_is_pending_is_cancelled_back_into_the_givers_lots() -> None:
    ledger = Ledger()
    bens = ledger.earn(10, to=ledger.ben.account)
    gift = ledger.move(Kind.RECOGNITION, PostingOrder(ledger.ben.account, ADA, 7, NEVER, NEVER))
    assert ledger.cancel(gift) == 7
    assert (open_lots(ledger.ben), ledger.ben.spent, ledger.ada.posted) == ({bens.id: 10}, 0, 0)


def test_one_refused_cancellation_leaves_nothing_in_the_journal() -> None:
    ledger = Ledger()
    single = ledger.move(Kind.EARN, pending(10))
    double = ledger.move(Kind.EARN, pending(10), PostingOrder(ISSUANCE, ledger.ben.account, 1, NEVER, NEVER))
    written = len(ledger.desk.journal.records)
    with pytest.raises(PartialReversalNotPossible):
        ledger.cancel(single, double)
    assert len(ledger.desk.journal.records) == written
    assert not ledger.desk.reversals[single.id]


@given(
    spans=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 50)), min_size=1, max_size=6),
    moves=st.lists(st.tuples(st.integers(1, 90), st.booleans()), max_size=6),
)
def test_an_expiry_history_leads_from_the_first_expiry_to_the_last(
    spans: list[tuple[int, int]], moves: list[tuple[int, bool]]
) -> None:
    ledger = Ledger()
    had = {ledger.earn(amount, expires=later(100 + life)).id: later(100 + life) for amount, life in spans}
    for to, only_extend in moves:
        ledger.move_expiry(later(100 + to), only_extend=only_extend)
    for event in ledger.desk.journal.events:
        assert event.expire_time is not None
        for (lot, delta), before in zip(event.moves, event.expire_times_before, strict=True):
            assert (had[lot], delta) == (before, 0)
            had[lot] = event.expire_time
    assert {lot.id: lot.expire_time for lot in ledger.ada.lots.values()} == had
    require_sound(ledger.ada, ledger.now)
    assert ledger.books[ADA.id].valid_until == min(had.values())


def test_a_lot_made_and_moved_in_one_batch_is_written_as_made_before_the_change_is() -> None:
    ledger = Ledger()
    lot = ledger.earn(10, expires=later(100))
    ledger.move_expiry(later(200))
    ledger.move_expiry(later(300))
    ledger.spend(4)
    assert ledger.ada.new_lots == {lot.id}
    written = _as_made(ledger.ada, lot.id)
    assert (written.expire_time, written.open, ledger.ada.lots[lot.id].expire_time) == (later(100), 6, later(300))
