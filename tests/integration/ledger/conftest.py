"""Two workers of one ledger for the tests of a module; each test makes a program of its own, and is audited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.world import Shop, World, findings
from tests.integration.ledger.connections import Connection, MovableTime, connect


@pytest.fixture(scope="module")
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    settings = {"workers": "2", "ledger_sweep_every_s": "0.2", "ledger_checkpoint_every_s": "0.2"}
    service = module_services.start("ledger", databases.make("ledger"), settings=settings)
    yield service
    service.process.stop()
    databases.drop(service.database)


@pytest.fixture(scope="module")
def time(module_services: ServiceFactory) -> MovableTime:
    return MovableTime(module_services.clock_file)


@pytest.fixture
async def world(running: RunningService, module_services: ServiceFactory) -> AsyncIterator[World]:
    """The ledger; a verification finds nothing after the test."""
    made = World(running.target, module_services.identity)
    yield made
    try:
        assert await findings(made.client()) == []
    finally:
        await made.close()


@pytest.fixture
async def connections(world: World, running: RunningService) -> list[Connection]:
    """Four connections, to the two workers in turn."""
    first, second = await connect(world, running, workers=2)
    return [connection for pair in zip(first, second, strict=True) for connection in pair]


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
