"""One ledger process for the tests of a module; each test makes a program of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.world import Shop, World


@pytest.fixture(scope="module")
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    service = module_services.start("ledger", databases.make("ledger"))
    yield service
    service.process.stop()
    databases.drop(service.database)


@pytest.fixture
async def world(running: RunningService, module_services: ServiceFactory) -> AsyncIterator[World]:
    made = World(running.target, module_services.identity)
    yield made
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
