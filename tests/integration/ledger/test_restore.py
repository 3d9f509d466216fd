"""PostgreSQL put back to an earlier backup, with Redis and the ledger as they were: nobody is answered from the future
that was lost.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from guerdon import NotFoundError, UnavailableError
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.postgres import Database
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from guerdon_kit.testing.fixtures import OwnServers
from guerdon_kit.testing.fork_server import ForkServer
from ledger.store.directory import Directory
from tests.contract.ledger.test_watching import watching
from tests.contract.ledger.world import NOT_FOUND, PRECONDITION, Shop, World, findings, refused
from tests.integration.ledger.connections import connect, insist

STALE_MAX_S = 2.0
_FILL = """
insert into programs values (1, 'shop', 'Shop', 'UTC', 0, now());
insert into units values (1, 2, 'points', 'Points', 0);
insert into accounts (shard, id, program, unit, kind, name, create_time)
values (0, 11, 1, 2, 1, 'ada', now()), (0, 12, 1, 2, 2, 'issuance.points', now())
"""


@pytest.fixture
def servers(own_servers: OwnServers) -> EmbeddedServers:
    made = own_servers()
    made.start()
    return made


@pytest.fixture
def running(
    servers: EmbeddedServers,
    tmp_path_factory: pytest.TempPathFactory,
    identity: DevelopmentIdentity,
    forks: ForkServer,
) -> Iterator[RunningService]:
    database = DatabaseFactory(servers.endpoints.postgres_url).make("ledger")
    factory = ServiceFactory(tmp_path_factory.mktemp("restore"), servers.endpoints, identity, forks=forks)
    yield factory.start("ledger", database, settings={"workers": "2"})
    factory.stop()


def copy(data: Path, to: Path) -> None:
    """A copy of a stopped server's files, with their owners."""
    subprocess.run(["cp", "-a", str(data), str(to)], check=True)


async def test_a_request_finds_its_accounts_also_where_it_is_the_first_to_meet_a_new_server(
    databases: DatabaseFactory,
) -> None:
    made = databases.make("ledger")
    owner = await asyncpg.connect(made.owner_url)
    await owner.execute(_FILL)
    await owner.close()
    database = await Database.open(made.runtime_url, name="test")
    directory = Directory(database)
    names = [f"programs/shop/accounts/{id_}" for id_ in ("ada", "issuance.points")]
    await directory.account(names[0])
    database._greeting._met = ("another run", 0)
    await database._pool.expire_connections()
    await directory.prefetch(names)
    assert [directory.known_account(name) is not None for name in names] == [True, True]
    await database.close()
    databases.drop(made)


@pytest.mark.crash
async def test_after_a_restore_nothing_is_answered_from_the_future_that_was_lost(
    servers: EmbeddedServers, running: RunningService, identity: DevelopmentIdentity
) -> None:
    world, stack = World(running.target, identity), AsyncExitStack()
    shop = await world.shop()
    await shop.add("ada")
    await shop.earn("ada", 100)
    data = servers.postgres.plan.folder
    backup = data.with_name("backup")
    await asyncio.to_thread(servers.postgres.stop)
    await asyncio.to_thread(copy, data, backup)
    await asyncio.to_thread(servers.postgres.start)

    both = [one[0] for one in await connect(world, running, workers=2, each=1)]
    workers = [Shop(shop.name, connection) for connection in both]
    lost = await insist(lambda: shop.earn("ada", 11, request_id="lost"))
    await shop.add("ben")
    await shop.earn("ben", 33)
    for worker in workers:  # both workers know, and so does the cache
        for _ in range(3):
            assert (await insist(lambda worker=worker: worker.balance("ada"))).version == 2  # type: ignore[misc]  # bound now
            assert (await worker.balance("ben")).posted == 33
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    held = [await worker.hold("ben", 1, tomorrow) for worker in workers]

    told_of_the_future = [await stack.enter_async_context(watching(worker, ada=2)) for worker in workers]
    for watch in told_of_the_future:
        assert [balance.version for balance in await watch.next()] == [2]

    await asyncio.to_thread(servers.postgres.kill)
    shutil.rmtree(data)
    backup.rename(data)
    await asyncio.to_thread(servers.postgres.start)

    restored = time.monotonic()

    async def forgotten(worker: Shop) -> bool:
        sent = time.monotonic()
        balance = await insist(lambda: worker.balance("ada"))
        assert sent < restored + STALE_MAX_S or balance.version == 1
        return bool((balance.version, balance.posted) == (1, 100))

    for worker in workers:
        await wait_until(partial(forgotten, worker), STALE_MAX_S + 5)
        with pytest.raises(NotFoundError):
            await insist(lambda worker=worker: worker.balance("ben"))  # type: ignore[misc]  # bound now
        async with refused(NOT_FOUND, "NOT_FOUND"):
            await worker.earn("ben", 1)
        async with refused(NOT_FOUND, "NOT_FOUND"):
            await worker.ledger.GetTransaction(pb.GetTransactionRequest(name=lost))
        for hold in held:
            async with refused(NOT_FOUND, "NOT_FOUND"):
                await worker.release(hold.name)

    for worker, watch in zip(workers, told_of_the_future, strict=True):
        with pytest.raises(UnavailableError):  # and never an older balance after a newer one
            await watch.next()
        async with watching(worker, ada=2) as again, refused(PRECONDITION, "VERSION_NOT_REACHED", version=1):
            await again.next()
        async with watching(worker, ada=0) as anew:
            assert [(balance.version, balance.posted) for balance in await anew.next()] == [(1, 100)]
    await stack.aclose()

    await shop.add("cem")  # has the number that was ben's
    await workers[0].earn("cem", 7)
    for worker in workers:
        assert (await worker.balance("cem")).posted == 7
        async with refused(NOT_FOUND, "NOT_FOUND"):
            await worker.balance("ben")
    await shop.earn("ada", 11, request_id="lost")  # its record was lost with it
    for worker in workers:
        assert (await worker.balance("ada", min_version=2)).posted == 111
    assert await findings(world.client()) == []
    await world.close()
