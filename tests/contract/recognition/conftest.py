"""One ledger and one recognition service for the tests of a module; each test makes an employer of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.recognition.world import Employer, World


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    ledger = module_services.start("ledger", databases.make("ledger"))
    recognition = module_services.start("recognition", databases.make("recognition"), targets={"ledger": ledger.target})
    yield ledger, recognition
    databases.drop(recognition.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(
    running: tuple[RunningService, RunningService], module_services: ServiceFactory
) -> AsyncIterator[World]:
    made = World(*running, module_services.identity)
    yield made
    await made.close()


@pytest.fixture
async def employer(world: World) -> Employer:
    return await world.employer()
