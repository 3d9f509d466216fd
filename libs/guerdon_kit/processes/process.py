"""One supervised server: started, killed, restarted and stopped from here."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from guerdon_kit.processes import supervisor

START_DEADLINE_S = 60.0
POLL_INTERVAL_S = 0.02
RETRY_INTERVAL_S = 0.25
LOG_TAIL_LINES = 15
LOG_TAIL_BYTES_MAX = 1024 * 1024


class ProcessFailed(Exception):
    """A server did not start, or did not get ready in time; the text ends with the last lines of its log."""


@dataclass(frozen=True)
class Plan:
    """How to run one server and how to know that it is ready."""

    name: str
    argv: tuple[str, ...]
    log: Path
    """What the server prints is appended here."""
    lock: Path
    """Held by the server and all its processes: no other starts on the same data before they are gone."""
    is_ready: Callable[[int], bool]
    """Called with the server's pid until it says yes."""
    stop: tuple[tuple[signal.Signals, float], ...]
    """Signals to end the server with, each with the seconds to wait before the next; SIGKILL last."""
    death_signal: signal.Signals
    """What the server gets when its supervisor is killed."""
    environment: Mapping[str, str] = field(default_factory=lambda: supervisor.PLAIN_ENVIRONMENT, repr=False)
    folder: Path = Path("/")
    """Where it runs."""
    owner: tuple[int, int] | None = None
    """uid and gid of the server and its supervisor; None: ours."""
    sockets: Path | None = None
    """A folder that the last supervisor to end removes when we are gone."""
    passing_failures: tuple[str, ...] = ()
    """Texts in the log of a failed start after which another attempt may succeed."""


class Supervisor(Protocol):
    """A `subprocess.Popen` of a supervisor, or what does the same."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None:
        """None while it runs."""

    def wait(self, timeout: float) -> int:
        """Returns when it has ended. Raises subprocess.TimeoutExpired."""


def executed() -> Supervisor:
    """A new supervisor."""
    # A session of its own: Ctrl-C at the terminal is for the application, which stops its servers in order.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", supervisor.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
        start_new_session=True,
    )


class ServerProcess:
    """A server and its supervisor, which `supervise` makes. Not for use by several threads at once, `abandon`
    excepted.
    """

    def __init__(self, plan: Plan, supervise: Callable[[], Supervisor] = executed) -> None:
        self.plan = plan
        self._supervise = supervise
        self._supervisor: Supervisor | None = None
        self._abandoned = threading.Event()
        self._pid = 0
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The server's process id (PostgreSQL: the postmaster's). Raises ProcessFailed when there is none."""
        if not self.running:
            raise ProcessFailed(f"{self.plan.name} is not running")
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the server has been started and has not ended since."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def start(self) -> None:
        """Start the server and wait until it is ready. Raises ProcessFailed, and leaves no process then."""
        self._abandoned.clear()
        self._start()

    def _start(self) -> None:
        """The same, unless it has been abandoned before it begins."""
        if self.running:
            raise ProcessFailed(f"{self.plan.name} is running already")
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            self._log_start = self._log_size()
            self._spawn(deadline)
            if self._wait_ready(deadline):
                return
            self.stop()
            said = self.said()
            may_pass = any(text in said for text in self.plan.passing_failures)
            if self._abandoned.is_set() or not may_pass or time.monotonic() >= deadline:
                raise ProcessFailed(f"{self.plan.name} did not start ({self.plan.log}):\n{_tail(said)}")
            self._abandoned.wait(RETRY_INTERVAL_S)

    def abandon(self) -> None:
        """Let a start that is under way in another thread fail at once."""
        self._abandoned.set()

    def stop(self) -> None:
        """Stop the server in order; return when it is gone. Stopping a stopped server does nothing."""
        if self._supervisor is None:
            return
        assert self._supervisor.stdin is not None
        with contextlib.suppress(OSError):
            self._supervisor.stdin.close()
        self._await_supervisor()

    def kill(self) -> None:
        """SIGKILL the server and its workers, as a crash would; return when it is gone."""
        os.killpg(self.pid, signal.SIGKILL)
        self._await_supervisor()

    def restart(self) -> None:
        """Stop the server if it runs, and start it on the same data."""
        self.stop()
        self.start()

    def said(self) -> str:
        """What the server has printed since its last start, the first MiB of it."""
        try:
            descriptor = os.open(self.plan.log, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return ""
        with os.fdopen(descriptor, "rb") as log:
            if self._log_start <= os.fstat(descriptor).st_size:  # otherwise it was moved aside meanwhile
                log.seek(self._log_start)
            return log.read(LOG_TAIL_BYTES_MAX).decode(errors="replace")

    def _spawn(self, deadline: float) -> None:
        plan = self.plan
        order: supervisor.Order = {
            "argv": list(plan.argv),
            "environment": dict(plan.environment),
            "cwd": str(plan.folder),
            "log": str(plan.log),
            "lock": str(plan.lock),
            "lock_wait_s": max(0.0, deadline - time.monotonic()),
            "owner": plan.owner,
            "stop": [(int(number), wait_s) for number, wait_s in plan.stop],
            "death_signal": int(plan.death_signal),
            "parent": os.getpid(),
            "folder": str(plan.sockets) if plan.sockets else None,
        }
        self._supervisor = self._supervise()
        assert self._supervisor.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._supervisor.stdin.write(json.dumps(order).encode() + b"\n")
            self._supervisor.stdin.flush()
        answer = self._hear(deadline)
        if "pid" not in answer:
            self.stop()
            raise ProcessFailed(f"{plan.name} could not be started: {answer.get('error', 'no answer in time')}")
        self._pid = int(answer["pid"])

    def _hear(self, deadline: float) -> dict[str, str | int]:
        """The supervisor's first answer, or nothing when it stays silent past the deadline or dies."""
        assert self._supervisor is not None
        pipe = self._supervisor.stdout
        assert pipe is not None
        grace_s = 1.0  # the supervisor itself gives up waiting for the lock at the deadline, and says why
        while time.monotonic() < deadline + grace_s and not self._abandoned.is_set():
            if select.select([pipe], [], [], 0.1)[0]:
                line = pipe.readline()
                answer: dict[str, str | int] = json.loads(line) if line else {}
                return answer
        return {}

    def _wait_ready(self, deadline: float) -> bool:
        while time.monotonic() < deadline and self.running:
            if self.plan.is_ready(self._pid):
                return True
            if self._abandoned.wait(POLL_INTERVAL_S):
                break
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


def start_all(servers: Iterable[ServerProcess]) -> None:
    """Start them all at once. One that fails, or an interruption, ends the others' start; the caller stops
    them.
    """
    chosen = list(servers)
    for server in chosen:
        # Here and not in the thread, which must find that it was abandoned before it began.
        server._abandoned.clear()  # noqa: SLF001  # of this module
    _all_at_once(chosen, ServerProcess._start)  # noqa: SLF001  # of this module


def stop_all(servers: Iterable[ServerProcess]) -> None:
    """Stop them all at once; the first problem is raised when all have been tried."""
    _all_at_once(list(servers), ServerProcess.stop)


def _all_at_once(servers: list[ServerProcess], do: Callable[[ServerProcess], None]) -> None:
    if not servers:
        return
    with ThreadPoolExecutor(max_workers=len(servers)) as pool:
        try:
            for done in [pool.submit(do, server) for server in servers]:
                done.result()
        except BaseException:
            for server in servers:
                server.abandon()
            raise


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])
