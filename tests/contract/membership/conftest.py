"""One ledger and one membership service for the tests of a module; each test makes a program of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, ServiceFactory
from guerdon_kit.testing.services import RunningService
from tests.contract.membership.world import Shop, World


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    ledger = module_services.start("ledger", databases.make("ledger"))
    membership = module_services.start("membership", databases.make("membership"), targets={"ledger": ledger.target})
    yield ledger, membership
    databases.drop(membership.database)
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
