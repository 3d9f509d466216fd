"""Time, injected: what a service calls now.

In development and tests the clock can be moved by an offset that every service reads from one file, so that a month
end or an expiry comes when a test wants it. Outside development the settings refuse such a file.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    def offset(self) -> timedelta:
        """How far this clock is moved from the machine's."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The machine's time in UTC."""
        return datetime.now(UTC)

    def offset(self) -> timedelta:
        """Always zero."""
        return timedelta()


@dataclass
class MovableClock:
    """The machine's clock plus the seconds that a file holds; the file may change at any time."""

    path: Path
    _stamp: tuple[int, int] | None = field(default=None, init=False)
    _offset: timedelta = field(default=timedelta(), init=False)

    def now(self) -> datetime:
        """The moved time in UTC."""
        return datetime.now(UTC) + self.offset()

    def offset(self) -> timedelta:
        """The offset as the file has it now; zero where there is no file."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - every call asks, and Path.stat takes twice as long
        except FileNotFoundError:
            return timedelta()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._offset = timedelta(seconds=float(self.path.read_text(encoding="ascii")))
            self._stamp = stamp
        return self._offset


@dataclass
class FixedClock:
    """A clock that stands still until a test moves it."""

    time: datetime

    def now(self) -> datetime:
        """The time it was set to."""
        return self.time

    def offset(self) -> timedelta:
        """Zero: a fixed clock is not related to the machine's."""
        return timedelta()

    def advance(self, by: timedelta) -> None:
        """Moves the clock."""
        self.time += by


def set_offset(path: Path, offset: timedelta) -> None:
    """Moves every clock that reads `path`, to the microsecond, at once."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(str(offset.total_seconds()), encoding="ascii")
    # A file system's own stamp may be as coarse as milliseconds: two moves within one would look alike.
    now_ns = time.time_ns()
    os.utime(draft, ns=(now_ns, now_ns))
    draft.replace(path)
