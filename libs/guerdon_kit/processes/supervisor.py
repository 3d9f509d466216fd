"""The process between an application and one server: it makes sure that the server ends when the application
does.

Run as a program of its own, on the standard library alone (`python -I -S supervisor.py`). The first line of
stdin is the order as JSON (see `Order`); the pipe then stays open for as long as the application lives. Its
end is the command to stop, and it comes whatever happens to the application, `kill -9` included. Answers are
JSON lines on stdout: {"pid": …} when the server runs, {"error": …} when it could not be started, {"exit": …}
when it has ended.

Why a process and not PR_SET_PDEATHSIG set by the application: that signal follows the *thread* that forked,
so a server started from a worker thread would die with the thread; and the application could not stop the
server in order. Here it only covers the case that the supervisor itself is killed: it has one thread and
lives exactly as long.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypedDict

PR_SET_PDEATHSIG = 1
PARENT_CHECK_INTERVAL_S = 1.0
PLAIN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
LOG_BYTES_MAX = 16 * 1024 * 1024


class Order(TypedDict):
    """What to run and how to end it."""

    argv: list[str]
    environment: dict[str, str]
    cwd: str
    log: str
    """Both streams of the server are appended here; above 16 MiB the old file is kept once as `.1`."""
    lock: str
    """Locked before the start and inherited by every process of the server: free only when all of them are
    gone.
    """
    lock_wait_s: float
    owner: tuple[int, int] | None
    """uid and gid to become before anything is opened; None stays what it is."""
    stop: list[tuple[int, float]]
    """Signals to end the server with, each with the seconds to wait before the next; the last one is
    SIGKILL.
    """
    death_signal: int
    """What the kernel sends to the server when this supervisor is killed."""
    parent: int
    folder: str | None
    """The sockets' folder: the last supervisor to end removes it when the application is gone."""


def say(**answer: Any) -> None:
    """Answer the application; it may be gone already."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(answer).encode() + b"\n")


def become(owner: tuple[int, int] | None) -> None:
    """Give up root's rights for good."""
    if owner is not None:
        uid, gid = owner
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)


def take_lock(path: str, wait_s: float) -> int:
    """Lock the file, waiting for the processes of an earlier server to end. Raises TimeoutError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"processes of an earlier server still hold {path}") from None
            time.sleep(0.05)


def open_log(path: str) -> int:
    """Open the log for appending; an overlong one is moved aside."""
    with contextlib.suppress(FileNotFoundError):
        if Path(path).stat().st_size > LOG_BYTES_MAX:
            Path(path).replace(path + ".1")
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


class Server(Protocol):
    """The server: a `subprocess.Popen`, or what does the same."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code when it has ended. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Signals it, unless it has ended."""


def bind_to_supervisor(libc: ctypes.CDLL | None, supervisor: int, death_signal: int) -> None:
    """Called in the server's process: have the kernel end it with its supervisor, where it can do that."""
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(1)


def c_library() -> ctypes.CDLL | None:
    """Where the kernel can do that."""
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(order: Order, lock: int, log: int) -> Server:
    """Start the server, bound to this process."""
    return subprocess.Popen(
        order["argv"],
        cwd=order["cwd"],
        env=order["environment"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(lock,),
        start_new_session=True,
        preexec_fn=partial(bind_to_supervisor, c_library(), os.getpid(), order["death_signal"]),  # noqa: PLW1509  # this process has one thread
    )


def wait_for_end(server: Server, order: Order, wake: int) -> None:
    """Return when the server has ended, or when it shall: the pipe is at its end, or we are told to
    terminate.
    """
    while server.poll() is None and os.getppid() == order["parent"]:
        readable, _, _ = select.select([0, wake], [], [], PARENT_CHECK_INTERVAL_S)
        if wake in readable and signal.SIGTERM in os.read(wake, 256):
            return
        if 0 in readable and not os.read(0, 256):
            return


def end(server: Server, order: Order) -> int:
    """End the server, gently first."""
    for number, wait_s in order["stop"]:
        if server.poll() is not None:
            break
        server.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(wait_s)
    code = server.wait()
    # What the server forked without a session of its own ends with it: workers must not serve on without a
    # master.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    return code


def read_order() -> Order:
    """The first line of stdin, read byte by byte so that nothing of the pipe is swallowed by a buffer."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(0)
        line += byte
    order: Order = json.loads(line)
    return order


def main(spawn: Callable[[Order, int, int], Server] = spawn, parent: int | None = None) -> None:
    """Read the order, run the server, and see it end. `parent` is ours where it is not the application."""
    order = read_order()
    if parent is not None:
        order["parent"] = parent
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        become(order["owner"])
        lock = take_lock(order["lock"], order["lock_wait_s"])
        server = spawn(order, lock, open_log(order["log"]))
    except (OSError, subprocess.SubprocessError) as problem:
        say(error=str(problem))
        sys.exit(1)
    os.close(lock)
    say(pid=server.pid)
    wait_for_end(server, order, wake_read)
    code = end(server, order)
    if order["folder"] is not None and os.getppid() != order["parent"]:
        with contextlib.suppress(OSError):
            Path(order["folder"]).rmdir()
    say(exit=code)


if __name__ == "__main__":
    main()
