"""The catalog as a process in which something is killed at a chosen moment: `python -m …fallible`.

Which process, and at which moment, stands in the file that FALLIBLE_ARMED names, as `pid moment`. The first
redemption that comes there takes the line away and kills, and so each arming works once; the next line, if there is
one, is armed before anybody dies, so that nobody comes past it in between. Redemptions tell their moments through the
`reached` of `rewards_catalog.app.compose`; the service as it is deployed cannot be armed. Every moment that was come to
is a line of the file beside it, `moments`.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

from guerdon_kit.service import run
from rewards_catalog.app import NAME, compose
from rewards_catalog.config import Settings

ARMED = "FALLIBLE_ARMED"
ITSELF = 0


def arm(file: Path, *kills: tuple[int, str]) -> None:
    """Has processes killed, one after the other, each when a redemption next comes to its moment.

    ITSELF is the worker that is there.
    """
    draft = file.with_suffix(".new")
    draft.write_text("\n".join(f"{pid} {moment}" for pid, moment in kills), encoding="utf-8")
    draft.replace(file)


def armed(file: Path) -> str | None:
    """The moment at which something is killed next; None: there is none."""
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].partition(" ")[2]
    except FileNotFoundError:
        return None


def kill_where_armed(file: Path, moment: str) -> None:
    """Kills, with SIGKILL, if `moment` is the one."""
    with file.with_name("moments").open("a", encoding="utf-8") as told:
        told.write(f"{moment}\n")
    if armed(file) != moment:
        return
    taken = file.with_suffix(f".{os.getpid()}")
    try:
        file.rename(taken)
    except FileNotFoundError:  # another worker was there first
        return
    if armed(taken) != moment:  # it was, and has armed the next
        taken.rename(file)
        return
    first, _, others = taken.read_text(encoding="utf-8").partition("\n")
    if others:
        taken.write_text(others, encoding="utf-8")
        taken.rename(file)
    os.kill(int(first.partition(" ")[0]) or os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(NAME, Settings(), partial(compose, reached=partial(kill_where_armed, Path(os.environ[ARMED]))))
