"""Connections of which each reaches a known worker, and times that only move forward."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import grpc

from guerdon import Client, GuerdonError, NotFoundError, UnavailableError
from guerdon._interceptor import Decorator, TokenSource
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import RunningService, wait_until
from guerdon_kit.testing.waiting import PATIENCE_S
from tests.contract.ledger.world import Shop, World

T = TypeVar("T")
_subjects = itertools.count(1)


class Connection(Client):
    """A client with a connection of its own: clients of one address otherwise share one, and with it a worker."""

    def __init__(self, target: str, token: str | TokenSource) -> None:
        super().__init__(target, token=token)
        decorator = Decorator(token, timeout_seconds=10.0, stream_timeout_seconds=60.0)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
        options += [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 5_000)]
        self._channel = grpc.aio.insecure_channel(target, options, interceptors=decorator.interceptors())


async def connect(world: World, running: RunningService, *, workers: int, each: int = 2) -> list[list[Connection]]:
    """Connections by worker, so many to each, all with the caller `developer`."""
    found: list[list[Connection]] = [[] for _ in range(workers)]
    until = time.monotonic() + PATIENCE_S  # a worker may still be starting: until it listens the others get everybody
    while any(len(one) < each for one in found):
        assert time.monotonic() < until, "the kernel sends every connection to the same worker"
        subject = f"probe-{next(_subjects)}"
        logged = running.process.plan.log.stat().st_size
        connection = Connection(running.target, world.identity.token())
        probe = pb.GetProgramRequest(name="programs/none")
        metadata = (("authorization", f"Bearer {world.identity.token(subject)}"),)
        try:
            await connection.ledger.GetProgram(probe, metadata=metadata)
        except NotFoundError:
            at = found[await wait_until(partial(_served, running.process.plan.log, logged, subject)) - 1]
        if len(at) < each:
            at.append(connection)
            world._clients.append(connection)
        else:
            await connection.close()
    return found


def _served(log: Path, start: int, subject: str) -> int:
    """The worker that answered the subject, from 1; 0 while the log does not say so after `start`."""
    with log.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            if subject.encode() in line and b'"event": "call"' in line and line.endswith(b"\n"):
                return int(json.loads(line)["worker"]) + 1
    return 0


@dataclass
class MovableTime:
    """The services' clock: it is moved forward only, as clocks do."""

    path: Path
    _offset: timedelta = field(default=timedelta())

    def now(self) -> datetime:
        """The services' time, roughly."""
        return datetime.now(UTC) + self._offset

    def ahead(self, **span: float) -> datetime:
        """A time from now, in whole seconds."""
        return (self.now() + timedelta(**span)).replace(microsecond=0)

    def pass_(self, **span: float) -> None:
        """Lets time pass."""
        self._offset += timedelta(**span)
        set_offset(self.path, self._offset)


async def outcomes(calls: Iterable[Awaitable[T]]) -> tuple[list[T], list[GuerdonError]]:
    """What succeeded and what was refused of calls made at once."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    refused = [one for one in done if isinstance(one, GuerdonError)]
    for one in done:
        if isinstance(one, BaseException) and not isinstance(one, GuerdonError):
            raise one
    return [one for one in done if not isinstance(one, BaseException)], refused


def through(shop: Shop, connections: Iterable[Client]) -> itertools.cycle[Shop]:
    """The same program through each of the connections in turn."""
    return itertools.cycle([Shop(shop.name, connection) for connection in connections])


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Makes a call until it is answered: the same request, with the same id."""
    while True:
        try:
            return await call()
        except UnavailableError:
            await asyncio.sleep(0.05)
