"""One worker of several is cut off from Redis, or dies: the others do not go on believing what is older than promised.

The workers are processes of their own on one database, each with a line to Redis of its own that can be cut.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis

from guerdon import GuerdonError
from guerdon_kit.embedded import Endpoints
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from tests.contract.ledger.world import Shop, World, findings
from tests.integration.ledger.test_cache import MEMBERS, STALE_MAX_S, Checker

IN_FLIGHT_S = 0.12
"""Less than a worker waits for Redis."""
FAULT_S = 3.5
"""Longer than the time within which reads must be fresh again although the fault lasts."""


@dataclass
class Line:
    """A line to Redis that can be cut, or become slow."""

    server: str
    """The socket of the server."""
    delay_s: float = 0.0
    cut: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def open(self, path: Path) -> asyncio.Server:
        return await asyncio.start_unix_server(self._connected, path)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_unix_connection(self.server)
        self.writers |= {writer, far_writer}
        for source, to in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pass(source, to))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                to.write(data)
                await to.drain()
        to.close()
        self.writers.discard(to)

    def break_off(self) -> None:
        """Ends what is connected, and refuses what comes."""
        self.cut = True
        for writer in self.writers:
            writer.close()
        self.writers.clear()


@dataclass
class Worker:
    """One worker, and its line."""

    line: Line
    service: RunningService
    world: World


@pytest.fixture(scope="module")
def sockets(module_services: ServiceFactory, server_folder: Path) -> list[Path]:
    """Where the two workers look for Redis."""
    if urlsplit(module_services.endpoints.redis_cache_url).scheme != "unix":
        pytest.skip("the given Redis is not reached through a socket")
    return [server_folder / f"line-{number}" for number in range(2)]


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory, sockets: list[Path]
) -> Iterator[list[RunningService]]:
    """Two workers."""
    database, url = databases.make("ledger"), module_services.endpoints.redis_cache_url
    urls = [url.replace(urlsplit(url).path, str(path)) for path in sockets]
    ends = [replace(module_services.endpoints, redis_cache_url=one) for one in urls]
    yield [module_services.start("ledger", database, endpoints=one) for one in ends]
    module_services.stop()
    databases.drop(database)


@pytest.fixture
async def workers(
    running: list[RunningService], module_services: ServiceFactory, sockets: list[Path]
) -> AsyncIterator[list[Worker]]:
    """The two, each with a line that nothing has happened to."""
    server = unquote(urlsplit(module_services.endpoints.redis_cache_url).path)
    lines = [Line(server) for _ in sockets]
    opened = [await line.open(path) for line, path in zip(lines, sockets, strict=True)]
    made = [
        Worker(line, service, World(service.target, module_services.identity))
        for line, service in zip(lines, running, strict=True)
    ]
    yield made
    assert await findings(made[1].world.client()) == []
    for worker, listening in zip(made, opened, strict=True):
        await worker.world.close()
        worker.line.break_off()
        listening.close()


@pytest.mark.crash
@pytest.mark.parametrize("fault", ["cut off", "slow"])
async def test_a_worker_that_cannot_reach_redis_lets_no_other_one_answer_what_is_old(
    workers: list[Worker], module_services: ServiceFactory, fault: str
) -> None:
    away, other = workers
    shop = await away.world.shop()
    await shop.add_many([f"m{n}" for n in range(MEMBERS)])
    there = Shop(shop.name, other.world.client())
    for one in (shop, there):
        await wait_until(partial(cached, one, "m0", module_services.endpoints), 10)
    checker = Checker()
    checker.writing.set()
    async with asyncio.TaskGroup() as load:
        for n in range(MEMBERS):
            load.create_task(checker.write(shop, f"m{n}"))
        for _ in range(2):
            load.create_task(checker.read(there))
        load.create_task(checker.read(shop))
        began = time.monotonic()
        await asyncio.sleep(1.0)
        broken = time.monotonic()
        if fault == "slow":
            away.line.delay_s = 0.6
        else:
            away.line.break_off()
        await asyncio.sleep(FAULT_S)
        still = time.monotonic()
        away.line.cut, away.line.delay_s = False, 0.0
        await asyncio.sleep(STALE_MAX_S + 1.0)
        checker.stopped = True
    assert checker.reads > 50
    checker.require_bounded()
    checker.require_fresh(began, broken)
    checker.require_fresh(broken + STALE_MAX_S, still)
    checker.require_fresh(still + STALE_MAX_S, time.monotonic())


@pytest.mark.crash
async def test_what_a_killed_worker_committed_and_told_nobody_is_seen_by_the_others_soon(
    workers: list[Worker], module_services: ServiceFactory
) -> None:
    dying, other = workers
    shop = await dying.world.shop()
    await shop.add("ada")
    there = Shop(shop.name, other.world.client())
    await shop.earn("ada", 1)
    await wait_until(lambda: cached(there, "ada", module_services.endpoints), 10)

    dying.line.delay_s = IN_FLIGHT_S  # what it commits is on its way to Redis when it is killed
    writing = asyncio.create_task(shop.earn("ada", 1))
    await wait_until(lambda: stored(there), 5)
    os.killpg(dying.service.process.pid, signal.SIGKILL)
    killed = time.monotonic()
    dying.line.break_off()
    with suppress(GuerdonError):
        await writing

    async def seen() -> bool:
        return (await there.balance("ada")).version == 2

    await wait_until(seen, STALE_MAX_S + 3)
    assert time.monotonic() - killed < STALE_MAX_S + 1
    dying.line.cut, dying.line.delay_s = False, 0.0
    await wait_until(lambda: not dying.service.process.running)
    await asyncio.to_thread(dying.service.process.start)


async def cached(shop: Shop, member: str, endpoints: Endpoints) -> bool:
    """Whether a read is answered by the cache."""
    with redis.Redis.from_url(endpoints.redis_cache_url) as server:
        before = int(server.info("stats")["keyspace_hits"])
        for _ in range(10):
            await shop.balance(member)
        return int(server.info("stats")["keyspace_hits"]) - before >= 20  # the sentinel and the value, each time


async def stored(shop: Shop) -> bool:
    """Whether PostgreSQL has the second change: the full view is read there."""
    return (await shop.balance("ada", full=True)).version == 2
