"""The balance cache keeps its promise through whatever happens to Redis, under load from two workers.

While Redis is healthy a read is never older than what was acknowledged before it was sent. After a fault the same
holds again within two seconds, and in between no answer is more than two seconds old. With `min_version` no read is
ever older than that. With Redis away nothing fails.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import asyncpg
import pytest
import redis

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from guerdon_kit.testing.fixtures import OwnServers, StoppedServers
from guerdon_kit.testing.folders import data_folder
from guerdon_kit.testing.fork_server import ForkServer
from tests.contract.ledger.test_watching import watching
from tests.contract.ledger.world import Shop, World, findings
from tests.integration.ledger.connections import Connection, connect

STALE_MAX_S = 2.0
MEMBERS = 4
PAUSE_S = 0.01
"""Between the calls of one caller while something happens to Redis: what then goes wrong lasts for longer."""


@dataclass
class Checker:
    """Holds every read against the versions that were acknowledged before it was sent."""

    pause_s: float = PAUSE_S
    acknowledged: dict[str, list[float]] = field(default_factory=dict)
    """By member: when version 1, 2, 3 … was acknowledged."""
    stale: list[tuple[float, float]] = field(default_factory=list)
    """Reads that were behind: when they were sent, and by how many seconds."""
    reads: int = 0
    stopped: bool = False
    writing: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, nobody writes: no later write then hides an old value, or moves the generation on."""

    async def write(self, shop: Shop, member: str) -> None:
        """The one writer of a member: versions are acknowledged in order."""
        times = self.acknowledged[member] = []
        while not self.stopped:
            await self.writing.wait()
            posting = shop.posting("issuance.points", member, 1)
            answer = await shop.post(1, posting)
            assert answer.balances[0].version == len(times) + 1
            times.append(time.monotonic())
            await asyncio.sleep(self.pause_s)

    async def read(self, shop: Shop) -> None:
        for member in itertools.cycle(f"m{n}" for n in range(MEMBERS)):
            if self.stopped:
                return
            sent = time.monotonic()
            version = (await shop.balance(member)).version
            times = self.acknowledged.get(member, [])
            self.reads += 1
            if bisect.bisect_right(times, sent) > version:
                self.stale.append((sent, sent - times[version]))
            await asyncio.sleep(self.pause_s)

    async def read_at_least(self, shop: Shop) -> None:
        for member in itertools.cycle(f"m{n}" for n in range(MEMBERS)):
            if self.stopped:
                return
            await self.writing.wait()  # such a read repairs an old value, which others are to find
            wanted = len(self.acknowledged.get(member, []))
            assert (await shop.balance(member, min_version=wanted)).version >= wanted
            await asyncio.sleep(self.pause_s)

    def require_fresh(self, since: float, until: float) -> None:
        """No read that was sent in this time was behind at all."""
        assert [behind for sent, behind in self.stale if since <= sent < until] == []

    def require_bounded(self) -> None:
        """No read was ever behind by more than two seconds."""
        assert max((behind for _, behind in self.stale), default=0.0) <= STALE_MAX_S


@pytest.fixture(scope="module")
def servers(stopped_servers: StoppedServers) -> Iterator[EmbeddedServers]:
    with data_folder() as folder:
        own = OwnServers(folder, stopped_servers)
        made = own()
        made.start()
        yield made
        own.remove()


@pytest.fixture(scope="module")
def running(
    servers: EmbeddedServers,
    tmp_path_factory: pytest.TempPathFactory,
    identity: DevelopmentIdentity,
    forks: ForkServer,
) -> Iterator[RunningService]:
    database = DatabaseFactory(servers.endpoints.postgres_url).make("ledger")
    factory = ServiceFactory(tmp_path_factory.mktemp("cache"), servers.endpoints, identity, forks=forks)
    yield factory.start("ledger", database, settings={"workers": "2"})
    factory.stop()


@pytest.fixture
async def world(running: RunningService, identity: DevelopmentIdentity) -> AsyncIterator[World]:
    made = World(running.target, identity)
    yield made
    assert await findings(made.client()) == []
    await made.close()


@dataclass
class Faults:
    """What can happen to the cache."""

    servers: EmbeddedServers
    running: RunningService
    checker: Checker = field(default_factory=Checker)

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.servers.endpoints.redis_cache_url)

    async def flushed(self) -> None:
        with self.redis() as cache:
            cache.flushall()

    async def killed_and_restarted(self) -> None:
        await asyncio.to_thread(self.servers.cache.kill)
        await asyncio.sleep(1.0)  # away for longer than anybody believes what it knew
        await asyncio.to_thread(self.servers.cache.start)

    async def restarted_with_old_data(self) -> None:
        with self.redis() as cache:
            cache.save()
        await asyncio.sleep(0.5)  # in which the load goes on: what was saved is old then
        self.checker.writing.clear()
        await asyncio.sleep(0.2)
        await asyncio.to_thread(self.servers.cache.kill)
        await asyncio.to_thread(self.servers.cache.start)

    async def slow(self) -> None:
        with self.redis() as cache:
            cache.client_pause(800)
        await asyncio.sleep(0.8)

    async def generation_moved(self) -> None:
        owner = await asyncpg.connect(self.running.database.owner_url)
        await owner.execute("update cache_generation set generation = generation + 1")
        await owner.close()

    async def nothing(self) -> None:
        """The load alone, which is all that there can be: a race shows in one of many calls."""


@pytest.mark.crash
@pytest.mark.parametrize(
    "fault",
    [
        Faults.nothing,
        Faults.flushed,
        Faults.generation_moved,
        Faults.slow,
        Faults.killed_and_restarted,
        Faults.restarted_with_old_data,
    ],
    ids=lambda fault: fault.__name__,
)
async def test_no_read_is_older_than_promised(
    world: World, servers: EmbeddedServers, running: RunningService, fault: Callable[[Faults], Awaitable[None]]
) -> None:
    shop = await world.shop()
    await shop.add_many([f"m{n}" for n in range(MEMBERS)])
    both = await connect(world, running, workers=2, each=2)
    writers, readers = [one[0] for one in both], [one[1] for one in both]
    faults = Faults(servers, running)
    await wait_until(lambda: hits(faults, shop, readers))

    checker = faults.checker
    if fault is Faults.nothing:
        checker.pause_s = 0.0
    checker.writing.set()
    async with asyncio.TaskGroup() as load:
        for n in range(MEMBERS):
            load.create_task(checker.write(Shop(shop.name, writers[n % 2]), f"m{n}"))
        for reader in readers:
            load.create_task(checker.read(Shop(shop.name, reader)))
            load.create_task(checker.read_at_least(Shop(shop.name, reader)))
        began = time.monotonic()
        await asyncio.sleep(0.7)
        broken = time.monotonic()
        await fault(faults)
        mended = time.monotonic()
        checker.writing.clear()
        await asyncio.sleep(STALE_MAX_S + 0.4)
        checker.writing.set()
        await asyncio.sleep(0.4)
        checker.stopped = True
    ended = time.monotonic()
    assert checker.reads > 50
    checker.require_bounded()
    checker.require_fresh(began, broken)
    checker.require_fresh(mended + STALE_MAX_S, ended)
    await wait_until(lambda: hits(faults, shop, readers))


async def hits(faults: Faults, shop: Shop, readers: list[Connection]) -> bool:
    """Whether reads through every worker are answered by the cache."""
    for reader in readers:
        one = Shop(shop.name, reader)
        await one.balance("m0")
        with faults.redis() as cache:
            before = int(cache.info("stats")["keyspace_hits"])
            for _ in range(10):
                await one.balance("m0")
            after = int(cache.info("stats")["keyspace_hits"])
        if after - before < 20:  # the sentinel and the value, each time
            return False
    return True


@pytest.mark.crash
async def test_with_redis_away_the_service_answers_everything(
    world: World, servers: EmbeddedServers, running: RunningService
) -> None:
    shop = await world.shop()
    await shop.add("ada")
    await asyncio.to_thread(servers.cache.kill)
    for n in range(1, 20):
        await shop.earn("ada", 1)
        balance = await shop.balance("ada")
        assert (balance.posted, balance.version) == (n, n)
    running.process.kill()
    await asyncio.to_thread(running.process.start)  # it starts without Redis too
    assert (await shop.balance("ada")).posted == 19
    await asyncio.to_thread(servers.cache.start)
    readers = [one[0] for one in await connect(world, running, workers=2, each=1)]
    await shop.add("m0")
    await wait_until(lambda: hits(Faults(servers, running), shop, readers))


@pytest.mark.crash
async def test_a_watcher_is_told_while_redis_is_away_and_when_it_is_back(
    world: World, servers: EmbeddedServers, running: RunningService
) -> None:
    shop = await world.shop()
    await shop.add("ada")
    async with watching(shop, ada=0) as watch:
        await watch.next()
        await asyncio.to_thread(servers.cache.kill)
        for n in range(1, 4):
            await shop.earn("ada", 1)
            assert [balance.posted for balance in await watch.next()] == [n]
        await asyncio.to_thread(servers.cache.start)
        for n in range(4, 7):
            await shop.earn("ada", 1)
            assert [balance.posted for balance in await watch.next()] == [n]
