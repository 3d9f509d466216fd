"""One ledger and one partner exchange for all tests of the folder; each test makes a coalition of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Endpoints
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.partner_exchange.world import Coalition, World


@pytest.fixture(scope="package")
def package_services(
    tmp_path_factory: pytest.TempPathFactory, endpoints: Endpoints, identity: DevelopmentIdentity
) -> Iterator[ServiceFactory]:
    factory = ServiceFactory(tmp_path_factory.mktemp("services"), endpoints, identity)
    yield factory
    factory.stop()


@pytest.fixture(scope="package")
def running(
    package_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    ledger = package_services.start("ledger", databases.make("ledger"))
    exchange = package_services.start(
        "partner_exchange", databases.make("partner_exchange"), targets={"ledger": ledger.target}
    )
    yield ledger, exchange
    databases.drop(exchange.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(
    running: tuple[RunningService, RunningService], package_services: ServiceFactory
) -> AsyncIterator[World]:
    made = World(*running, package_services.identity)
    yield made
    await made.close()


@pytest.fixture
async def coalition(world: World) -> Coalition:
    return await world.coalition()
