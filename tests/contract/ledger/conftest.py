"""One ledger process for all tests here; each test makes a program of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import DatabaseFactory, RunningService
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.ledger.world import Shop, World


@pytest.fixture(scope="session")
def running(many_services: ManyServices, databases: DatabaseFactory) -> Iterator[RunningService]:
    with many_services("ledger") as services:
        service = services.start("ledger", databases.make("ledger"))
        yield service
    databases.drop(service.database)


@pytest.fixture
async def world(running: RunningService, identity: DevelopmentIdentity) -> AsyncIterator[World]:
    made = World(running.target, identity)
    yield made
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
