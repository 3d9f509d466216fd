"""Folders for the data of servers that live as long as a test.

They are in memory where there is room, which takes a third of the processor time that tests with databases of their own
take on a disk. Nothing that a test can see is different: servers are killed there, never the machine, and what they had
written before outlives them on either.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  # only folders made there by mkdtemp are used
ROOM_BYTES = 4 * 1024**3
"""What there has to be. A process of the suite uses less than one GiB, and there are three."""


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that an unprivileged user may enter, which pytest's own are not when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="guerdon-tests-", dir=MEMORY if _is_fit() else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def in_memory(folder: Path) -> bool:
    """Whether the folder is one that was made in memory."""
    return folder.is_relative_to(MEMORY)


def _is_fit() -> bool:
    """Whether servers may keep their data in memory; containers often have a little room there, and run nothing."""
    try:
        status = os.statvfs(MEMORY)
    except OSError:
        return False
    may_run = not status.f_flag & os.ST_NOEXEC
    return may_run and os.access(MEMORY, os.W_OK | os.X_OK) and status.f_bavail * status.f_frsize >= ROOM_BYTES
