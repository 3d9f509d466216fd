"""One ledger and one recognition service for all tests here; each test makes an employer of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.testing import DatabaseFactory, RunningService
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.recognition.world import Employer, World


@pytest.fixture(scope="package")
def running(many_services: ManyServices, databases: DatabaseFactory) -> Iterator[tuple[RunningService, RunningService]]:
    with many_services("recognition") as services:
        ledger = services.start("ledger", databases.make("ledger"))
        [scim_port] = free_ports(1)
        recognition = services.start(
            "recognition",
            databases.make("recognition"),
            targets={"ledger": ledger.target},
            settings={
                "scim_listen": f"{LOOPBACK}:{scim_port}",
                "celebration_poll_s": "0.5",
                "recovery_poll_s": "0.5",
                "leaver_look_s": "1",
            },
        )
        yield ledger, recognition
    databases.drop(recognition.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(running: tuple[RunningService, RunningService], identity: DevelopmentIdentity) -> AsyncIterator[World]:
    made = World(*running, identity)
    yield made
    await made.close()


@pytest.fixture
async def employer(world: World) -> Employer:
    return await world.employer()
