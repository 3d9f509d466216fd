"""Holds: placed on particular lots, resolved exactly once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guerdon_kit.errors import DomainError
from ledger.domain.clockwork import sweep
from ledger.domain.errors import (
    CaptureExceedsHold,
    ExpiryPassed,
    HoldAlreadyCaptured,
    HoldAlreadyReleased,
    HoldExpired,
    InsufficientPoints,
)
from ledger.domain.holds import CaptureOrder, capture, release
from ledger.domain.journal import Record
from ledger.domain.model import EventKind, Hold, HoldState, Kind
from tests.unit.ledger.builders import BREAKAGE, REDEMPTION, Ledger, later, open_lots, require_sound


def captured(ledger: Ledger, hold: Hold, amount: int = 0) -> tuple[Hold, Record]:
    return capture(CaptureOrder(amount, REDEMPTION, "tester", ""), hold, ledger.ada, ledger.desk, ledger.tick())


def released(ledger: Ledger, hold: Hold) -> Hold:
    return release(hold, ledger.ada, "tester", ledger.desk, ledger.tick())


def test_a_hold_takes_the_lots_a_debit_would_and_lowers_only_what_is_available() -> None:
    ledger = Ledger()
    never, soon = ledger.earn(10), ledger.earn(10, expires=later(900))
    hold = ledger.hold(13)
    assert hold.lots == ((soon.id, 10), (never.id, 3))
    ada = ledger.ada
    assert (ada.posted, ada.held, ada.available, ada.version) == (20, 13, 7, 3)
    [event] = ledger.desk.journal.events
    assert (event.kind, event.held_delta, event.version, event.moves) == (EventKind.HOLD_PLACED, 13, 3, ())
    with pytest.raises(InsufficientPoints):
        ledger.hold(8)
    with pytest.raises(InsufficientPoints):
        ledger.spend(8)
    require_sound(ada, ledger.now)


def test_a_capture_in_full_takes_exactly_what_was_held() -> None:
    ledger = Ledger()
    earned = ledger.earn(10)
    hold, record = captured(ledger, ledger.hold(6))
    assert (hold.state, hold.captured, hold.resolve_time) == (HoldState.CAPTURED, 6, record.record_time)
    assert (record.kind, record.entries[0].moves, record.entries[0].hold) == (Kind.SPEND, ((earned.id, -6),), hold.id)
    assert (ledger.ada.posted, ledger.ada.held, ledger.ada.available, ledger.ada.spent) == (4, 0, 4, 6)
    require_sound(ledger.ada, ledger.now)


def test_a_capture_in_part_takes_in_lot_order_and_releases_the_rest() -> None:
    ledger = Ledger()
    first, second = ledger.earn(10, expires=later(900)), ledger.earn(10)
    hold, record = captured(ledger, ledger.hold(15), 12)
    assert (hold.amount, hold.captured) == (15, 12)
    assert record.entries[0].moves == ((first.id, -10), (second.id, -2))
    assert (ledger.ada.posted, ledger.ada.held, ledger.ada.available) == (8, 0, 8)
    require_sound(ledger.ada, ledger.now)


def test_a_release_gives_everything_back() -> None:
    ledger = Ledger()
    ledger.earn(10)
    hold = released(ledger, ledger.hold(6))
    assert (hold.state, hold.captured) == (HoldState.RELEASED, 0)
    assert (ledger.ada.posted, ledger.ada.held, ledger.ada.available, ledger.ada.version) == (10, 0, 10, 3)
    assert [event.held_delta for event in ledger.desk.journal.events] == [6, -6]


def lapse(ledger: Ledger, hold: Hold) -> Hold:
    sweep(ledger.ada, ledger.desk, ledger.tick(600))
    return ledger.ada.holds[hold.id]


def capture_it(ledger: Ledger, hold: Hold) -> Hold:
    return captured(ledger, hold)[0]


@pytest.mark.parametrize(
    ("resolve", "refusal"),
    [(capture_it, HoldAlreadyCaptured), (released, HoldAlreadyReleased), (lapse, HoldExpired)],
)
@pytest.mark.parametrize("again", [capture_it, released])
def test_a_resolved_hold_is_refused_with_how_it_was_resolved(
    resolve: Callable[[Ledger, Hold], Hold],
    refusal: type[DomainError],
    again: Callable[[Ledger, Hold], Hold],
) -> None:
    ledger = Ledger()
    ledger.earn(10)
    hold = resolve(ledger, ledger.hold(6))
    before = ledger.ada.copy()
    with pytest.raises(refusal):
        again(ledger, hold)
    assert ledger.ada == before


def test_a_capture_above_the_hold_is_refused_and_the_hold_stays() -> None:
    ledger = Ledger()
    ledger.earn(10)
    hold = ledger.hold(6)
    with pytest.raises(CaptureExceedsHold) as refused:
        captured(ledger, hold, 7)
    assert (refused.value.metadata["held"], refused.value.metadata["requested"]) == ("6", "7")
    assert captured(ledger, hold, 6)[0].captured == 6


def test_a_hold_that_has_lapsed_before_it_began_is_not_placed() -> None:
    ledger = Ledger()
    ledger.earn(10)
    with pytest.raises(ExpiryPassed):
        ledger.hold(6, seconds=0)
    assert (ledger.ada.held, ledger.ada.version) == (0, 1)


def test_a_lapsed_hold_is_booked_as_an_event_and_its_points_are_free() -> None:
    ledger = Ledger()
    ledger.earn(10)
    hold = lapse(ledger, ledger.hold(6, seconds=500))
    assert hold.state is HoldState.EXPIRED
    assert ledger.desk.journal.events[-1].kind is EventKind.HOLD_EXPIRED
    assert (ledger.ada.held, ledger.ada.available, ledger.ada.version) == (0, 10, 3)
    require_sound(ledger.ada, ledger.now)


def test_a_lot_that_expires_while_held_can_be_captured_and_the_rest_of_it_expires_at_once() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(100))
    hold = ledger.hold(8)
    sweep(ledger.ada, ledger.desk, ledger.tick(100))
    assert (ledger.ada.posted, ledger.ada.held, ledger.ada.available) == (8, 8, 0)
    captured(ledger, hold, 5)
    expired = ledger.desk.journal.records[-1]
    assert (expired.kind, expired.entries[0].amount, expired.entries[0].destination) == (Kind.EXPIRY, 3, BREAKAGE)
    assert (ledger.ada.posted, ledger.ada.held, ledger.ada.available) == (0, 0, 0)
    require_sound(ledger.ada, ledger.now)


def test_a_lot_that_expired_while_held_expires_with_the_release() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(100))
    hold = ledger.hold(8)
    sweep(ledger.ada, ledger.desk, ledger.tick(100))
    released(ledger, hold)
    assert [(r.kind, r.entries[0].amount) for r in ledger.desk.journal.records[1:]] == [
        (Kind.EXPIRY, 2),
        (Kind.EXPIRY, 8),
    ]
    assert open_lots(ledger.ada) == {}
    assert [one.expired for one in ledger.ada.lots.values()] == [10]


def test_what_a_hold_gives_back_pays_debt_first() -> None:
    ledger = Ledger()
    earned = ledger.earn(10)
    hold = ledger.hold(10)
    ledger.reverse(earned, 4)
    assert (ledger.ada.debt, ledger.ada.available, ledger.ada.posted) == (4, -4, 6)
    _, record = captured(ledger, hold, 5)
    [entry] = record.entries
    assert entry.moves == ((earned.id, -5), (earned.id, -4))
    assert entry.source_debt_delta == -4
    assert (ledger.ada.debt, ledger.ada.available, ledger.ada.posted, open_lots(ledger.ada)) == (
        0,
        1,
        1,
        {earned.id: 1},
    )
    require_sound(ledger.ada, ledger.now)
