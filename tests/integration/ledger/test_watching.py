"""Watchers hear of what any worker has done, of what the clock alone has done, and of their end."""

from __future__ import annotations

import asyncio

import asyncpg
import grpc
import pytest
import redis

from guerdon import GuerdonError, UnavailableError
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.test_watching import watching
from tests.contract.ledger.world import Shop, World
from tests.integration.ledger.connections import Connection, MovableTime, through

WRITES = 60


async def test_watchers_at_every_worker_hear_what_all_workers_post(shop: Shop, connections: list[Connection]) -> None:
    await shop.add_many(["ada", "ben"])
    posters = through(shop, connections)
    first, second = (Shop(shop.name, connection) for connection in connections[:2])

    async def write() -> None:
        for _ in range(WRITES):
            await next(posters).earn("ada", 1)

    async with watching(first, ada=0) as one, watching(second, ada=0, ben=0) as two:
        await two.next()
        writing = asyncio.create_task(write())
        for told in await asyncio.gather(one.until(WRITES), two.until(WRITES)):
            versions = [balance.version for balance in told]
            assert versions == sorted(set(versions))
            assert all(balance.posted == balance.version for balance in told)
        await writing


async def test_what_the_clock_alone_does_is_told(shop: Shop, time: MovableTime) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10, available_time=time.ahead(hours=1))
    async with watching(shop, ada=0) as watch:
        [pending] = await watch.next()
        assert (pending.version, pending.pending, pending.available) == (1, 10, 0)
        time.pass_(hours=1, seconds=1)
        [available] = await watch.next()
        assert (available.version, available.pending, available.available) == (1, 0, 10)


async def test_a_version_that_comes_again_with_other_points_ends_its_watches(
    shop: Shop, running: RunningService
) -> None:
    """As where PostgreSQL was put back to an earlier backup, and written to before anybody looked."""
    await shop.add("ada")
    await shop.earn("ada", 10)
    owner = await asyncpg.connect(running.database.owner_url)
    program = shop.name.removeprefix("programs/")

    async def rewrite(change: int) -> None:
        number = await owner.fetchval(
            """update accounts set posted = posted + $2
               where name = 'ada' and program = (select program from programs where id = $1) returning id""",
            program,
            change,
        )
        with redis.Redis.from_url(running.process.plan.environment["GUERDON_REDIS_CACHE_URL"]) as cache:
            cache.delete(*cache.scan_iter(match=f"guerdon:balance:*:{number}"), "none")

    async with watching(shop, ada=0) as watch:
        assert [balance.posted for balance in await watch.next()] == [10]
        await rewrite(+1)
        with pytest.raises(UnavailableError):
            await watch.next()
    async with watching(shop, ada=0) as anew:
        assert [balance.posted for balance in await anew.next()] == [11]
    await rewrite(-1)
    await owner.close()


async def test_a_stop_ends_watches_at_once(
    services: ServiceFactory, databases: DatabaseFactory, identity: DevelopmentIdentity
) -> None:
    service: RunningService = services.start("ledger", databases.make("ledger"))
    world = World(service.target, identity)
    shop = await world.shop()
    await shop.add("ada")
    async with watching(shop, ada=0) as watch:
        await watch.next()
        stopping = asyncio.create_task(asyncio.to_thread(service.process.stop))
        with pytest.raises(GuerdonError) as ended:
            await watch.next()
        await stopping
    assert ended.value.code is grpc.StatusCode.UNAVAILABLE
    assert ended.value.reason == "UNAVAILABLE"
    await world.close()
    databases.drop(service.database)
