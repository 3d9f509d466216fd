"""The launcher: everything starts, parts can be killed and restarted, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guerdon_cli.stack import ServiceKind, Stack, StackError
from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.launch.services import is_serving
from guerdon_kit.processes import ProcessFailed
from guerdon_kit.testing import wait_until
from tests.integration.launcher.conftest import Smallest

# What `guerdon up` does, for the smallest service.
FOREGROUND = """
import sys
from pathlib import Path
import typer
from guerdon_cli.stack import ServiceKind, Stack
from guerdon_cli.up import run_in_foreground

def up(folder: Path, port: int) -> None:
    kind = ServiceKind("smallest", port, "smallest")
    run_in_foreground(Stack(folder, services=(kind,), environment={}))

typer.run(up)
"""


async def test_a_stack_serves_and_stops(smallest: Smallest) -> None:
    with smallest.stack() as stack:
        target = stack.targets["smallest"]
        await wait_until(lambda: is_serving(target))
        assert stack.fallen() is None
        pid = stack.services["smallest"].pid
    assert not is_serving(target)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_killed_service_comes_back_at_the_same_address(smallest: Smallest) -> None:
    with smallest.stack(workers="2") as stack:
        stack.services["smallest"].kill()
        assert not is_serving(stack.targets["smallest"])
        stack.services["smallest"].start()
        await wait_until(lambda: is_serving(stack.targets["smallest"]))  # the other worker may not be ready yet


async def test_workers_end_with_a_killed_master(smallest: Smallest) -> None:
    with smallest.stack(workers="2") as stack:
        os.kill(stack.services["smallest"].pid, signal.SIGKILL)
        await wait_until(lambda: not is_serving(stack.targets["smallest"]))


async def test_a_part_that_ends_by_itself_is_named(smallest: Smallest) -> None:
    with smallest.stack() as stack:
        assert stack.embedded is not None
        os.kill(stack.embedded.cache.pid, signal.SIGKILL)
        await wait_until(lambda: stack.fallen() is not None)
        assert "cache has ended" in str(stack.fallen())
        with pytest.raises(StackError, match="cache has ended"):
            stack.watch()


def test_a_service_that_cannot_start_is_told_with_its_log_and_nothing_is_left(smallest: Smallest) -> None:
    with pytest.raises(ProcessFailed, match="workers"):
        smallest.stack(workers="none").start()
    with EmbeddedServers(smallest.folder) as servers:
        assert servers.postgres.running


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        kind = ServiceKind("smallest", port, "smallest")
        with pytest.raises(StackError, match=str(port)):
            Stack(tmp_path / "data", services=(kind,), environment={}).start()
    assert not (tmp_path / "data").exists()


@pytest.fixture
def foreground(smallest: Smallest) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process group of its own, once it has told its token; and the service's address."""
    [port] = free_ports(1)
    target = f"{LOOPBACK}:{port}"
    process = subprocess.Popen(
        [sys.executable, "-c", FOREGROUND, str(smallest.folder), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        assert target in lines[0]
        assert lines[3].count(".") == 2, "the last line is a token"
        yield process, target
    finally:
        process.kill()
        process.communicate()
    EmbeddedServers(smallest.folder).remove_data()  # waits for what a killed launcher has left to end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_and_sigterm_stop_everything_cleanly_within_seconds(
    foreground: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, target = foreground
    await wait_until(lambda: is_serving(target))
    begun = time.monotonic()
    os.killpg(process.pid, number)  # as the terminal does: to the whole process group
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.endswith("stopped\n")
    assert "Traceback" not in err
    assert time.monotonic() - begun < 10
    assert not is_serving(target)


def test_ctrl_c_ends_a_start_that_would_take_for_ever(smallest: Smallest) -> None:
    (smallest.packages / "smallest" / "__main__.py").write_text("import threading; threading.Event().wait()")
    process = subprocess.Popen(
        [sys.executable, "-c", FOREGROUND, str(smallest.folder), str(free_ports(1)[0])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        while "services" not in (line := process.stderr.readline()):
            assert line, "it should have come to the services"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "stopped\n", "")
    finally:
        process.kill()
        process.communicate()


async def test_a_killed_launcher_leaves_no_service_and_no_server(
    foreground: tuple[subprocess.Popen[str], str], smallest: Smallest
) -> None:
    process, target = foreground
    process.kill()
    await wait_until(lambda: not is_serving(target))
    with EmbeddedServers(smallest.folder) as servers:
        assert servers.postgres.running


def test_a_service_that_dies_ends_the_command_with_an_error(
    foreground: tuple[subprocess.Popen[str], str], smallest: Smallest
) -> None:
    process, _ = foreground
    os.kill(_pid_of_service(smallest.folder), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "smallest has ended by itself" in err


def _pid_of_service(folder: Path) -> int:
    """The process that runs the smallest service out of this folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"-m\0smallest" in command and str(folder).encode() in environment:
                return int(entry.name)
    pytest.skip("processes are not to be seen in /proc")
