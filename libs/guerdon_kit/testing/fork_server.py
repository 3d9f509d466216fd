"""Services forked from a process that has imported them already: what a service imports takes most of its start, and
the tests start hundreds of them.

The process imports each service the first time that it is asked for, and holds no thread, no event loop and no gRPC
object: a service's own workers are forked from the same state. A request is the service's name, with the ends of the
pipes of a supervisor; that is forked first, and forks the service. Both do what they do as programs of their own. So
`guerdon up` starts them, and the tests of it: they say whether a service starts by itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import IO, NoReturn

from guerdon_kit.processes import Plan, ServerProcess, supervisor

NAME_BYTES = 128
POLL_INTERVAL_S = 0.005
OURS = (signal.SIGCHLD, signal.SIGTERM)
"""What a supervisor has handlers for."""
FIRST_INHERITED = 3
"""The first file descriptor after the standard ones."""


class ForkServer:
    """The process, for one test session. Its services end when the session does, however it ends."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("GUERDON_")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import main; main()"],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env=plain | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        theirs.close()

    def process(self, plan: Plan) -> ServerProcess:
        """What `ServerProcess(plan)` is; `plan` runs `python -m` something, without arguments."""
        _, _, module = plan.argv
        return ServerProcess(plan, partial(self._supervisor, module))

    def _supervisor(self, module: str) -> ForkedSupervisor:
        order, order_end = os.pipe()
        answers_end, answers = os.pipe()
        socket.send_fds(self._ours, [module.encode().ljust(NAME_BYTES)], [order, answers])
        os.close(order)
        os.close(answers)
        return ForkedSupervisor(order_end, answers_end)

    def close(self) -> None:
        """Ends the process, which has no services any more."""
        self._ours.close()
        self._process.wait()


class ForkedSupervisor:
    """As much of `subprocess.Popen` as a `ServerProcess` needs, of a process that is another's child: it has ended when
    its standard output has.
    """

    def __init__(self, stdin: int, stdout: int) -> None:
        self._answers = os.fdopen(stdout, "rb", buffering=0)
        self.stdin: IO[bytes] | None = os.fdopen(stdin, "wb")
        self.stdout: IO[bytes] | None = self._answers
        self._ended = False

    def poll(self) -> int | None:
        """0 when it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float) -> int:
        """0 when it has ended. Raises subprocess.TimeoutExpired."""
        until = time.monotonic() + timeout
        while not self._ended:
            if not select.select([self._answers], [], [], max(0.0, until - time.monotonic()))[0]:
                raise subprocess.TimeoutExpired("supervisor", timeout)
            self._ended = not self._answers.read(1024)
        return 0


class _Forked:
    """As much of `subprocess.Popen` as a supervisor needs, of a child that does `work`."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            _end_after(work)
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("server", timeout or 0.0)
            time.sleep(POLL_INTERVAL_S)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def _end_after(work: Callable[[], None]) -> NoReturn:
    """Does the work of a forked process, and ends as a program would: nothing of its parent's is carried on."""
    code = 1
    try:
        work()
        code = 0
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    except BaseException:  # noqa: BLE001  # the last word of this process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _spawn(module: str, order: supervisor.Order, lock: int, log: int) -> _Forked:
    # What comes before the service has handlers of its own would be taken for its supervisor's.
    signal.pthread_sigmask(signal.SIG_BLOCK, OURS)
    try:
        return _Forked(partial(_serve, module, order, os.getpid(), lock, log))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)


def _serve(module: str, order: supervisor.Order, parent: int, lock: int, log: int) -> None:
    """The service: with the environment, the descriptors and the signals that its supervisor would start it with."""
    os.setsid()
    gc.enable()
    signal.set_wakeup_fd(-1)
    for number in OURS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)
    supervisor.bind_to_supervisor(supervisor.c_library(), parent, order["death_signal"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, standard)
    os.closerange(FIRST_INHERITED, lock)
    os.closerange(lock + 1, os.sysconf("SC_OPEN_MAX"))
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _supervise(module: str, parent: int, requests: socket.socket, order: int, answers: int) -> None:
    requests.close()
    os.setsid()
    os.dup2(order, 0)
    os.dup2(answers, 1)
    os.closerange(FIRST_INHERITED, max(order, answers) + 1)
    supervisor.main(partial(_spawn, module), parent)


def _import(module: str) -> None:
    """All that the module may import when it is run; it is not itself left behind as one that ran already."""
    found = importlib.import_module(module)
    inner = getattr(found, "__path__", None)
    for part in pkgutil.walk_packages(inner or (), f"{module}."):
        importlib.import_module(part.name)
    del sys.modules[module if inner is None else f"{module}.__main__"]


def main() -> None:
    """Forks until the session's end of the socket is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors
    gc.disable()  # what is imported stays
    with socket.socket(fileno=0) as requests:
        while True:
            name, descriptors, _, _ = socket.recv_fds(requests, NAME_BYTES, 2)
            if not name:
                return
            module = name.decode().strip()
            with contextlib.suppress(Exception):  # the service will say it itself
                _import(module)
            gc.freeze()
            _Forked(partial(_supervise, module, os.getpid(), requests, *descriptors))
            for descriptor in descriptors:
                os.close(descriptor)
