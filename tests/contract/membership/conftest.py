"""One ledger and one membership service for all tests here; each test makes a program of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import DatabaseFactory, RunningService
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.membership.world import Shop, World


@pytest.fixture(scope="package")
def running(many_services: ManyServices, databases: DatabaseFactory) -> Iterator[tuple[RunningService, RunningService]]:
    with many_services("membership") as services:
        ledger = services.start("ledger", databases.make("ledger"))
        membership = services.start("membership", databases.make("membership"), targets={"ledger": ledger.target})
        yield ledger, membership
    databases.drop(membership.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(running: tuple[RunningService, RunningService], identity: DevelopmentIdentity) -> AsyncIterator[World]:
    made = World(*running, identity)
    yield made
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
