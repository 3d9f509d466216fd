"""The catalog as a process in which something is killed at a chosen moment: `python -m …fallible`.

Which process, and at which moment, stands in the file that FALLIBLE_ARMED names, as `pid moment`. The first
redemption that comes there takes the file away and kills, and so each arming works once. Redemptions tell their
moments through the `reached` of `rewards_catalog.app.compose`; the service as it is deployed cannot be armed. Every
moment that was come to is a line of the file beside it, `moments`.
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


def arm(file: Path, moment: str, pid: int = ITSELF) -> None:
    """Has the process `pid`, by default the worker that is there, killed when a redemption next comes to `moment`."""
    draft = file.with_suffix(".new")
    draft.write_text(f"{pid} {moment}", encoding="utf-8")
    draft.replace(file)


def kill_where_armed(file: Path, moment: str) -> None:
    """Kills, with SIGKILL, if `moment` is the one."""
    with file.with_name("moments").open("a", encoding="utf-8") as told:
        told.write(f"{moment}\n")
    try:
        pid, _, armed = file.read_text(encoding="utf-8").partition(" ")
    except FileNotFoundError:
        return
    if armed != moment:
        return
    try:
        file.unlink()
    except FileNotFoundError:  # another worker was there first
        return
    os.kill(int(pid) or os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(NAME, Settings, partial(compose, reached=partial(kill_where_armed, Path(os.environ[ARMED]))))
