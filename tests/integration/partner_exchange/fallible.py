"""Partner exchange as a process in which something is killed at a chosen moment: `python -m …fallible`.

Which moment, and which process, stands in the file that FALLIBLE_ARMED names, as `pid moment`; the first exchange
that comes there takes the file away and kills, and so each arming works once. Exchanges tell their moments through
the `reached` of `partner_exchange.app.compose`; the service as it is deployed has nothing that could be armed.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

from guerdon_kit.service import run
from partner_exchange.app import NAME, compose
from partner_exchange.config import Settings

ARMED = "FALLIBLE_ARMED"
ITSELF = 0


def arm(file: Path, moment: str, pid: int = ITSELF) -> None:
    """Has the process `pid`, by default partner exchange itself, killed when an exchange next comes to `moment`."""
    draft = file.with_suffix(".new")
    draft.write_text(f"{pid} {moment}", encoding="utf-8")
    draft.replace(file)


def kill_where_armed(file: Path, moment: str) -> None:
    """Kills, with SIGKILL, if `moment` is the one."""
    try:
        pid, _, armed = file.read_text(encoding="utf-8").partition(" ")
    except FileNotFoundError:
        return
    if armed == moment:
        file.unlink()
        os.kill(int(pid) or os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(NAME, Settings(), partial(compose, reached=partial(kill_where_armed, Path(os.environ[ARMED]))))
