"""Points that purchases gave and that can still come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.locking import Given, LockedPoints, Part, locked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def days(count: int) -> datetime:
    return NOW + timedelta(days=count)


def plain(points: int, unlock: int, *, returned: int = 0, available: int | None = None) -> Given:
    """What a purchase gave that is free in so many days."""
    part = Part(points, None if available is None else days(available))
    return Given(points - returned, (part,), days(unlock))


@pytest.mark.parametrize(
    ("gifts", "points", "valid_until", "next_unlock"),
    [
        ([], 0, None, None),
        ([plain(100, 1)], 100, None, 1),
        ([plain(100, 0)], 0, None, None),  # the window closes at its end
        ([plain(100, 3), plain(50, 2), plain(7, -1)], 150, None, 2),
        ([plain(100, 3, returned=30)], 70, None, 3),
        ([plain(100, 3, returned=100), plain(1, 9)], 1, None, 9),
        ([plain(100, 3, available=-1)], 100, None, 3),
        ([plain(100, 3, available=1), plain(5, 8)], 5, 1, 8),  # pending: not there yet, and locked once it is
        ([plain(100, 3, available=3)], 0, None, None),  # pending until it is free
        ([Given(100, (), days(3))], 0, None, None),  # pending until somebody says so
    ],
)
def test_locked_is_what_can_be_spent_of_what_can_still_come_back(
    gifts: list[Given], points: int, valid_until: int | None, next_unlock: int | None
) -> None:
    at = {None: None} | {day: days(day) for day in range(-2, 10)}
    assert locked(gifts, 7, NOW) == LockedPoints(points, 7, at[valid_until], at[next_unlock])


def test_of_a_purchase_in_tranches_what_is_available_counts_up_to_what_is_left_of_all() -> None:
    parts = (Part(60, None), Part(40, days(2)))
    assert locked([Given(100, parts, days(9))], 1, NOW) == LockedPoints(60, 1, days(2), days(9))
    assert locked([Given(55, parts, days(9))], 1, NOW).points == 55
    assert locked([Given(100, parts, days(9))], 1, days(2)).points == 100


gifts = st.builds(
    plain, st.integers(1, 100), st.integers(-3, 9), returned=st.just(0), available=st.none() | st.integers(-3, 9)
)


@given(st.lists(gifts, max_size=6), st.integers(0, 12))
def test_as_long_as_it_is_valid_no_more_is_locked_later_and_in_the_end_nothing(found: list[Given], after: int) -> None:
    """So that what was found may be used later: it leaves too much rather than too little."""
    told = locked(found, 1, NOW)
    if told.valid_until is None or days(after) < told.valid_until:
        assert locked(found, 1, days(after)).points <= told.points
    assert locked(found, 1, days(9)) == LockedPoints(0, 1, None, None)
