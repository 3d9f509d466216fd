"""The echo as a service of its own process, started as services are: `python -m tests.integration.kit.echo_service`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from guerdon_kit.config import ServiceSettings
from guerdon_kit.errors import ReplayedRefusal, Status
from guerdon_kit.grpc import CallContext
from guerdon_kit.service import Kit, Parts
from guerdon_kit.start import start
from tests.integration.kit.echo import Echo


class Settings(ServiceSettings):
    """What tests tell it besides."""

    lacking: bool = False
    """Whether the servicer lacks a handler."""
    calls_another: bool = False
    """Whether it makes a client of another service."""


NAME = "echo"
MUCH = 1_000_000
UNDER_WAY = '{"event": "under_way"}\n'


async def _process(request: Any, call: CallContext) -> str:
    if request.notes:
        sys.stderr.write(UNDER_WAY)
        sys.stderr.flush()
    if "forever" in request.notes:
        await asyncio.Event().wait()
    if "a while" in request.notes:
        call.fields["said"] = "working"
        await asyncio.sleep(1)  # what is under way when the process is told to stop
    if "refuse" in request.notes:
        raise ReplayedRefusal("SOME", Status[request.secret], "As first said: ü.", {"required": "7"})
    if "fail" in request.notes:
        raise RuntimeError(request.secret)
    if "slowly" in request.notes:
        await asyncio.sleep(0.01)
    return "x" * MUCH if "much" in request.notes else str(os.getpid())


class Lacking(Echo):
    """Not whole."""

    both_ways = None  # type: ignore[assignment]  # that is the point


async def compose(kit: Kit[Settings]) -> Parts:
    """The echo, answering with the number of its process."""
    if kit.settings.calls_another:
        kit.remote("ledger", kit.settings.ledger_target, Echo.service)
    echo = Lacking() if kit.settings.lacking else Echo()
    echo.answer = _process
    return Parts(servicers=[echo])


if __name__ == "__main__":
    start(Settings, "tests.integration.kit.echo_service")
