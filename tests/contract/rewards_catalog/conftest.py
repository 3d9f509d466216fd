"""One ledger and one catalog for the tests of a module; each test makes a program of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, ServiceFactory
from guerdon_kit.testing.services import RunningService
from tests.contract.rewards_catalog.world import Shop, World


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    ledger = module_services.start("ledger", databases.make("ledger"))
    catalog = module_services.start(
        "rewards_catalog", databases.make("rewards_catalog"), targets={"ledger": ledger.target}
    )
    yield ledger, catalog
    databases.drop(catalog.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(
    running: tuple[RunningService, RunningService], module_services: ServiceFactory
) -> AsyncIterator[World]:
    made = World(*running, module_services.identity)
    yield made
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
