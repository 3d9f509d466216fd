"""Points that wait for an event: what becomes of them, and what the ledger is then asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from membership.domain.flags import FlagState
from membership.domain.tranches import Wait
from membership.domain.waits import Awaited, Deed, Told, WaitState, deeds, lost, outcome
from tests.unit.membership.programs import NOW

LATER, EARLIER = NOW + timedelta(microseconds=1), NOW - timedelta(days=1)
DELIVERED, PACKED = Told("delivered", EARLIER), Told("packed", EARLIER)


@pytest.mark.parametrize(
    ("until", "released", "told", "expected"),
    [
        (LATER, False, [], WaitState.WAITING),
        (LATER, False, [PACKED], WaitState.WAITING),
        (LATER, False, [PACKED, DELIVERED], WaitState.TOLD),
        (NOW, False, [], WaitState.TAKEN_BACK),
        (NOW, True, [], WaitState.RELEASED),
        (NOW, False, [Told("delivered", NOW)], WaitState.TOLD),
        (NOW, False, [Told("delivered", LATER)], WaitState.TAKEN_BACK),
        (NOW, True, [Told("delivered", LATER)], WaitState.RELEASED),
        (EARLIER, False, [DELIVERED], WaitState.TOLD),
    ],
)
def test_an_event_counts_that_happened_while_points_waited(
    until: datetime, released: bool, told: list[Told], expected: WaitState
) -> None:
    assert outcome(Wait("delivered", until, released), told, NOW) is expected


def test_what_waits_for_its_time_alone_is_released_by_no_event() -> None:
    assert outcome(Wait("", LATER, True), [Told("", EARLIER)], NOW) is WaitState.WAITING
    assert outcome(Wait("", NOW, True), [], NOW) is WaitState.RELEASED


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        (None, {1: Deed.ACTIVATE, 2: Deed.ACTIVATE, 3: Deed.TAKE_BACK}),
        (FlagState.FLAGGED, {1: Deed.ACTIVATE, 2: Deed.ACTIVATE, 3: Deed.TAKE_BACK}),
        (FlagState.HELD, {3: Deed.TAKE_BACK}),
        (FlagState.RELEASED, {0: Deed.ACTIVATE, 1: Deed.ACTIVATE, 2: Deed.ACTIVATE, 3: Deed.TAKE_BACK}),
        (FlagState.REJECTED, dict.fromkeys(range(5), Deed.TAKE_BACK)),
    ],
)
def test_points_become_available_when_neither_an_event_nor_a_release_is_missing(
    flag: FlagState | None, expected: dict[int, Deed]
) -> None:
    states = [WaitState.TOLD, WaitState.RELEASED, WaitState.TAKEN_BACK, WaitState.WAITING]
    wait = Wait("delivered", NOW, False)
    awaited = [Awaited(place, wait, state) for place, state in enumerate(states, start=1)]
    assert deeds(flag, awaited, 5) == expected


def test_what_is_lost_is_what_returns_have_left_of_it() -> None:
    assert lost([100, 40, 30], [10, 40, 5], [0, 1, 2], 100) == {0: 90, 1: 0, 2: 10}
