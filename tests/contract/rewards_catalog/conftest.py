"""One ledger and one catalog for all tests here; each test makes a program of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import DatabaseFactory, RunningService
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.rewards_catalog.world import Shop, World


@pytest.fixture(scope="package")
def running(many_services: ManyServices, databases: DatabaseFactory) -> Iterator[tuple[RunningService, RunningService]]:
    with many_services("rewards") as services:
        ledger = services.start("ledger", databases.make("ledger"))
        targets = {"ledger": ledger.target, "membership": ""}
        catalog = services.start("rewards_catalog", databases.make("rewards_catalog"), targets=targets)
        yield ledger, catalog
    databases.drop(catalog.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(running: tuple[RunningService, RunningService], identity: DevelopmentIdentity) -> AsyncIterator[World]:
    made = World(*running, identity)
    yield made
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
