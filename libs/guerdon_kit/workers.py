"""Worker processes that share a port: forked before any gRPC object exists, started again when they die, and gone
when their supervisor is.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

STOPS = (signal.SIGTERM, signal.SIGINT)
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 10.0
PORT_WAIT_S = 2.0

Work = Callable[[int, socket.socket], None]
"""Runs one worker, by its number, until it is told to stop. A byte sent into the socket says that it serves; the
socket reads as ended when the supervisor is gone.
"""


@dataclass(frozen=True, slots=True)
class _Worker:
    number: int
    started: float
    pause_s: float


class Supervisor:
    """Keeps so many workers running until SIGTERM or SIGINT."""

    def __init__(self, count: int, work: Work) -> None:
        self._count = count
        self._work = work
        self._running: dict[int, _Worker] = {}
        self._stopping = False
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)

    def run(self) -> int:
        """Returns when all workers have ended: 0, or 1 where the first of them ended before one ever served."""
        for number in STOPS:
            signal.signal(number, self._stop)
        for worker in range(self._count):
            self._start(worker, 0.0)
        code = 0
        served = False
        while self._running:
            pid, _ = os.wait()
            ended = self._running.pop(pid, None)
            if ended is None or self._stopping:
                continue
            served = served or self._one_served()
            if served:
                self._start(ended.number, _pause_after(ended))
            else:  # a mistake in the set-up: another try would make it again
                code = 1
                self._stop()
        return code

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._stopping = True
        for pid in [*self._running]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _one_served(self) -> bool:
        try:
            return bool(self._ours.recv(1))
        except BlockingIOError:
            return False

    def _start(self, number: int, pause_s: float) -> None:
        # A signal between the fork and the note of it would miss the new worker, or be taken by it for its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        pid = os.fork()
        if pid == 0:
            self._become(number, pause_s)
        self._running[pid] = _Worker(number, time.monotonic(), pause_s)
        if self._stopping:
            os.kill(pid, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    def _become(self, number: int, pause_s: float) -> NoReturn:
        code = 1
        try:
            for stop in STOPS:
                signal.signal(stop, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            self._ours.close()
            time.sleep(pause_s)  # here and not in the supervisor, which has to hear of the others meanwhile
            self._work(number, self._theirs)
            code = 0
        except BaseException:  # noqa: BLE001  # the last word of this process
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)


def _pause_after(ended: _Worker) -> float:
    """A worker that does not live long is started again ever later."""
    if time.monotonic() - ended.started > PAUSE_MAX_S + ended.pause_s:
        return 0.0
    return min(max(ended.pause_s * 2, PAUSE_MIN_S), PAUSE_MAX_S)


def run_workers(count: int, listens: Iterable[str], work: Callable[..., None]) -> None:
    """Runs one worker in this process, or several in processes of their own, which share the addresses `listens`.

    Raises:
        OSError: an address that they would share cannot be bound.
    """
    if count == 1:
        work()
        return
    for listen in listens:
        refuse_taken_port(listen)
    code = Supervisor(count, work).run()
    if code:
        sys.exit(code)


def refuse_taken_port(listen: str) -> None:
    """Workers share a port by SO_REUSEPORT, which would as silently share it with a stranger's server.

    Waits a little for the workers of a supervisor that was killed: they are about to end.

    Raises:
        OSError: the address cannot be bound.
    """
    host, _, port = listen.rpartition(":")
    until = time.monotonic() + PORT_WAIT_S
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host.strip("[]"), int(port)))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise
            else:
                return
        time.sleep(0.1)
