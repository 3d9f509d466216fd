"""One supervised server: started, killed, restarted and stopped from here."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from guerdon_kit.embedded import supervisor
from guerdon_kit.embedded.account import Account
from guerdon_kit.embedded.errors import ServerFailed

START_DEADLINE_S = 60.0
POLL_INTERVAL_S = 0.02
RETRY_INTERVAL_S = 0.25
LOG_TAIL_LINES = 15


@dataclass(frozen=True)
class Plan:
    """How to run one server and how to know that it is ready."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    """The server's own data folder, also where it runs."""
    sockets: Path
    state: Path
    """A folder of the account for `<name>.log` and `<name>.lock`."""
    account: Account
    is_ready: Callable[[int], bool]
    """Called with the server's pid until it says yes."""
    stop: tuple[tuple[signal.Signals, float], ...]
    death_signal: signal.Signals
    passing_failures: tuple[str, ...] = ()
    """Texts in the log of a failed start after which another attempt may succeed."""

    @property
    def log(self) -> Path:
        return self.state / f"{self.name}.log"


class ServerProcess:
    """A server and its supervisor. Not for use by several threads at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @property
    def pid(self) -> int:
        """The server's process id (PostgreSQL: the postmaster's). Raises ServerFailed when there is none."""
        if not self.running:
            raise ServerFailed(f"{self.plan.name} is not running")
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the server has been started and has not ended since."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def start(self) -> None:
        """Start the server and wait until it is ready. Raises ServerFailed, and leaves no process then."""
        if self.running:
            raise ServerFailed(f"{self.plan.name} is running already")
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            log_start = self._log_size()
            self._spawn(deadline)
            if self._wait_ready(deadline):
                return
            self.stop()
            said = self._log_since(log_start)
            if time.monotonic() >= deadline or not any(text in said for text in self.plan.passing_failures):
                tail = "\n".join(said.splitlines()[-LOG_TAIL_LINES:])
                raise ServerFailed(f"{self.plan.name} did not start ({self.plan.log}):\n{tail}")
            time.sleep(RETRY_INTERVAL_S)

    def stop(self) -> None:
        """Stop the server in order; return when it is gone. Stopping a stopped server does nothing."""
        if self._supervisor is None:
            return
        assert self._supervisor.stdin is not None
        with contextlib.suppress(OSError):
            self._supervisor.stdin.close()
        self._await_supervisor()

    def kill(self) -> None:
        """SIGKILL the server, as a crash would; return when it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self._await_supervisor()

    def restart(self) -> None:
        """Stop the server if it runs, and start it on the same data."""
        self.stop()
        self.start()

    def _spawn(self, deadline: float) -> None:
        plan = self.plan
        order: supervisor.Order = {
            "argv": list(plan.argv),
            "cwd": str(plan.folder),
            "log": str(plan.log),
            "lock": str(plan.state / f"{plan.name}.lock"),
            "lock_wait_s": max(0.0, deadline - time.monotonic()),
            "owner": plan.account.owner,
            "stop": [(int(number), wait_s) for number, wait_s in plan.stop],
            "death_signal": int(plan.death_signal),
            "parent": os.getpid(),
            "folder": str(plan.sockets),
        }
        # A session of its own: Ctrl-C at the terminal is for the application, which stops its servers last.
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.write(json.dumps(order).encode() + b"\n")
        self._supervisor.stdin.flush()
        answer = self._hear(deadline)
        if "pid" not in answer:
            self.stop()
            raise ServerFailed(
                f"{plan.name} could not be started: {answer.get('error', 'no answer in time')}"
            )
        self._pid = answer["pid"]

    def _hear(self, deadline: float) -> dict[str, int]:
        """The supervisor's first answer, or nothing when it stays silent past the deadline or dies."""
        assert self._supervisor is not None
        assert self._supervisor.stdout is not None
        grace_s = 1.0  # the supervisor itself gives up waiting for the lock at the deadline, and says why
        ready, _, _ = select.select([self._supervisor.stdout], [], [], deadline - time.monotonic() + grace_s)
        line = self._supervisor.stdout.readline() if ready else b""
        answer: dict[str, int] = json.loads(line) if line else {}
        return answer

    def _wait_ready(self, deadline: float) -> bool:
        while time.monotonic() < deadline:
            if not self.running:
                return False
            if self.plan.is_ready(self._pid):
                return True
            time.sleep(POLL_INTERVAL_S)
        return False

    def _await_supervisor(self) -> None:
        """The supervisor ends after its server, at the latest when its last stop signal has worked."""
        process = self._supervisor
        assert process is not None
        process.wait(timeout=sum(wait_s for _, wait_s in self.plan.stop) + 10.0)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._supervisor = None

    def _log_size(self) -> int:
        try:
            return self.plan.log.stat().st_size
        except FileNotFoundError:
            return 0

    def _log_since(self, start: int) -> str:
        """What the server wrote since `start`; all of it when the log was moved aside meanwhile."""
        try:
            fd = os.open(self.plan.log, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return ""
        with os.fdopen(fd, "rb") as log:
            if start <= os.fstat(fd).st_size:
                log.seek(start)
            return log.read(1024 * 1024).decode(errors="replace")
