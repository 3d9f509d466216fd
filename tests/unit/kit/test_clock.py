"""A clock that is moved tells the moment that it was moved to, and none before it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from guerdon_kit.clock import MovableClock, set_offset


@pytest.mark.parametrize(
    "offset",
    [
        timedelta(),
        timedelta(seconds=86_400),
        timedelta(days=4_000, seconds=3, microseconds=999_999),
        -timedelta(days=4_000, seconds=3, microseconds=1),
    ],
)
def test_a_clock_is_moved_to_the_microsecond(tmp_path: Path, offset: timedelta) -> None:
    clock = MovableClock(tmp_path / "clock")
    set_offset(clock.path, offset)
    assert clock.offset() == offset


def test_a_clock_takes_whole_seconds_that_a_person_wrote(tmp_path: Path) -> None:
    clock = MovableClock(tmp_path / "clock")
    clock.path.write_text("86400\n", encoding="ascii")
    assert clock.offset() == timedelta(days=1)


def test_a_clock_follows_its_file(tmp_path: Path) -> None:
    clock = MovableClock(tmp_path / "clock")
    assert clock.offset() == timedelta()
    for days in (1, 2, 3):
        set_offset(clock.path, timedelta(days=days))
        assert clock.offset() == timedelta(days=days)
