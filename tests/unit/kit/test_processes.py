"""Servers that are started together, and what becomes of the others when one fails."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from guerdon_kit.processes import Plan, ProcessFailed, ServerProcess, start_all


def server(folder: Path, name: str, *argv: str) -> ServerProcess:
    """One that never says that it is ready."""
    return ServerProcess(
        Plan(
            name=name,
            argv=argv,
            log=folder / f"{name}.log",
            lock=folder / f"{name}.lock",
            is_ready=lambda _pid: False,
            stop=((signal.SIGKILL, 5.0),),
            death_signal=signal.SIGKILL,
        )
    )


def test_a_start_that_begins_after_it_was_abandoned_fails_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, late = server(tmp_path, "failing", "/nowhere"), server(tmp_path, "late", "/bin/sleep", "600")
    start = ServerProcess._start

    def after_the_failure(process: ServerProcess) -> None:
        if process is late:
            assert late._abandoned.wait(30)
        start(process)

    monkeypatch.setattr(ServerProcess, "_start", after_the_failure)
    begun = time.monotonic()
    with pytest.raises(ProcessFailed, match="failing"):
        start_all([failing, late])
    assert time.monotonic() - begun < 30, "it would have waited a minute"
    assert not late.running
