"""One ledger and one membership service for all tests here, which kill them and move their clock; each test makes a
program of its own. Callers wait for an absent ledger a moment only, instead of the usual two seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.membership.world import World
from tests.integration.membership.recovery.moving import Moving

PATIENCE_S = "0.5"


@pytest.fixture(scope="package")
def services(many_services: ManyServices) -> Iterator[ServiceFactory]:
    with many_services("recovery") as factory:
        yield factory


@pytest.fixture(scope="package")
def running(services: ServiceFactory, databases: DatabaseFactory) -> Iterator[tuple[RunningService, RunningService]]:
    ledger = services.start("ledger", databases.make("ledger"))
    membership = services.start(
        "membership",
        databases.make("membership"),
        targets={"ledger": ledger.target},
        settings={"ledger_patience_s": PATIENCE_S},
    )
    yield ledger, membership
    databases.drop(membership.database)
    databases.drop(ledger.database)


@pytest.fixture(scope="package")
def clock(services: ServiceFactory) -> Moving:
    return Moving(services.clock_file)


@pytest.fixture
async def world(running: tuple[RunningService, RunningService], services: ServiceFactory) -> AsyncIterator[World]:
    made = World(*running, services.identity)
    yield made
    await made.close()
