"""What Envoy loads: an ASGI application that is a service.

It runs the service's main module, and `guerdon_kit.service.run` leaves the service here instead of running it. Envoy
asks for the start ("lifespan") and listens once that is done. The end is begun by a signal, which a thread of
ours hears and not Envoy, or by the service itself.
"""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from guerdon_kit.envoy import MODULE, SUPERVISOR, WORKER
from guerdon_kit.grpc.asgi import AsgiServer
from guerdon_kit.grpc.asgi_call import Event, Receive, Send
from guerdon_kit.workers import STOPS

Work = Callable[[asyncio.Event, int, socket.socket | None], Awaitable[None]]
"""Runs the service until the event is set, with the number of its worker and the socket of its supervisor."""


class Application:
    """The service, once it has been left here."""

    def __init__(self) -> None:
        self._left: tuple[AsgiServer, Work] | None = None

    def leave(self, server: AsgiServer, work: Work) -> None:
        """Takes what `run` would do elsewhere, and what is asked then."""
        self._left = (server, work)

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """ASGI's entrance."""
        assert self._left is not None, "the main module of a service runs it"
        server, work = self._left
        if scope["type"] == "lifespan":
            await _live(server, work, receive, send)
        else:
            await server(scope, receive, send)


async def _live(server: AsgiServer, work: Work, receive: Receive, send: Send) -> None:
    await receive()
    stop = asyncio.Event()
    _hear_stops(asyncio.get_running_loop(), stop)
    descriptor = os.environ.pop(SUPERVISOR, None)
    supervisor = None if descriptor is None else socket.socket(fileno=int(descriptor))
    working = asyncio.ensure_future(work(stop, int(os.environ.pop(WORKER)), supervisor))
    starting = asyncio.ensure_future(server.started.wait())
    await asyncio.wait((working, starting), return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        starting.cancel()
        _end(working)
    await send({"type": "lifespan.startup.complete"})
    working.add_done_callback(_end)
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _hear_stops(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Sets the event at a signal. All threads have these blocked, from before Envoy was: it would cut the calls under
    way at once.
    """

    def hear() -> None:
        while True:
            signal.sigwait(STOPS)
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=hear, name="stops", daemon=True).start()


def _end(working: asyncio.Future[None]) -> None:
    """The service has come to its end, and everything of it is closed: so does Envoy, or at once after a failure."""
    failure = working.exception()
    if failure is not None:
        traceback.print_exception(failure)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    if not _is_caught(signal.SIGTERM):  # Envoy is still starting
        os._exit(0)
    # For this thread alone, which nobody else hears for: Envoy has its handler called here.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


def _is_caught(number: int) -> bool:
    """Whether this process has a handler for a signal, be it Python's or not (proc(5), SigCgt)."""
    [caught] = re.findall(r"^SigCgt:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (number - 1) & 1)


application = Application()
if main := os.environ.pop(MODULE, ""):
    os.environ["LD_PRELOAD"] = os.environ["LD_PRELOAD"].partition(os.pathsep)[2]  # what it starts is no Envoy
    # The main module finds this one by its name, and not a second copy.
    runpy.run_module(main, run_name="__main__", alter_sys=True)
