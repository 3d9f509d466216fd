"""What is forked is what `python -m` would have started, and ends with who started it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from guerdon_kit.processes import Plan, ProcessFailed, ServerProcess
from guerdon_kit.testing import wait_until
from guerdon_kit.testing.fork_server import ForkServer

ROOT = Path(__file__).parents[3]
TELLING = "tests.integration.kit.telling"

SESSION = """
import signal, sys
from pathlib import Path
from tests.integration.kit.test_fork_server import forked
from guerdon_kit.testing.fork_server import ForkServer
process = forked(Path(sys.argv[1]), ForkServer())
process.start()
print(process.pid, flush=True)
signal.pause()
"""


def plan(folder: Path, module: str = TELLING) -> Plan:
    """Ready when it has told."""
    folder.mkdir(exist_ok=True)
    log = folder / "log"
    return Plan(
        name="telling",
        argv=(sys.executable, "-m", module),
        environment={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        log=log,
        lock=folder / "lock",
        is_ready=lambda pid: f'"process": {pid}}}\n' in log.read_text(encoding="utf-8"),
        stop=((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)),
        death_signal=signal.SIGKILL,
    )


def forked(folder: Path, forks: ForkServer, module: str = TELLING) -> ServerProcess:
    return forks.process(plan(folder, module))


def told(process: ServerProcess) -> dict[str, Any]:
    """What it told when it was started."""
    process.start()
    try:
        said = json.loads(process.said())
        assert said.pop("process") == process.pid
        return dict(said)
    finally:
        process.stop()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_forked_program_is_told_what_an_executed_one_is(tmp_path: Path, forks: ForkServer) -> None:
    assert told(forked(tmp_path / "a", forks)) == told(ServerProcess(plan(tmp_path / "b")))


def test_it_is_killed_and_started_again_and_stopped(tmp_path: Path, forks: ForkServer) -> None:
    process = forked(tmp_path, forks)
    process.start()
    first = process.pid
    process.kill()
    assert not process.running
    assert not is_there(first)
    process.start()
    second = process.pid
    assert is_there(second)
    process.stop()
    assert not is_there(second)
    assert not process.running


def test_one_that_ends_by_itself_is_noticed(tmp_path: Path, forks: ForkServer) -> None:
    process = forked(tmp_path, forks)
    process.start()
    os.kill(process.pid, signal.SIGTERM)
    process._await_supervisor()
    assert not process.running


def test_one_that_cannot_run_says_why(tmp_path: Path, forks: ForkServer) -> None:
    with pytest.raises(ProcessFailed, match="No module named nowhere"):
        forked(tmp_path, forks, "nowhere").start()


async def test_it_ends_when_who_started_it_is_killed(tmp_path: Path) -> None:
    session = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SESSION, str(tmp_path)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert session.stdout is not None
    pid = int(await session.stdout.readline())
    session.kill()
    await session.wait()
    await wait_until(lambda: not is_there(pid))
