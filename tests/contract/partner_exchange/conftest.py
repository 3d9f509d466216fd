"""One ledger and one partner exchange for all tests of the folder; each test makes a coalition of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.partner_exchange.world import Coalition, World


@pytest.fixture(scope="package")
def exchange_services(many_services: ManyServices) -> Iterator[ServiceFactory]:
    with many_services("exchange") as services:
        yield services


@pytest.fixture(scope="package")
def running(
    exchange_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    ledger = exchange_services.start("ledger", databases.make("ledger"))
    exchange = exchange_services.start(
        "partner_exchange", databases.make("partner_exchange"), targets={"ledger": ledger.target, "membership": ""}
    )
    yield ledger, exchange
    databases.drop(exchange.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(
    running: tuple[RunningService, RunningService], exchange_services: ServiceFactory
) -> AsyncIterator[World]:
    made = World(*running, exchange_services.identity)
    yield made
    await made.close()


@pytest.fixture
async def coalition(world: World) -> Coalition:
    return await world.coalition()
