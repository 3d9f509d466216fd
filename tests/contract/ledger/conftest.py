"""One ledger process for all tests here; each test makes a program of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.ledger.world import Shop, World


@pytest.fixture(scope="package")
def ledger_services(many_services: ManyServices) -> Iterator[ServiceFactory]:
    with many_services("ledger") as services:
        yield services


@pytest.fixture(scope="package")
def running(ledger_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    service = ledger_services.start("ledger", databases.make("ledger"))
    yield service
    service.process.stop()
    databases.drop(service.database)


@pytest.fixture
async def world(running: RunningService, ledger_services: ServiceFactory) -> AsyncIterator[World]:
    made = World(running.target, ledger_services.identity)
    yield made
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
