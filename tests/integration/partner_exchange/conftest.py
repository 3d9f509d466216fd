"""A ledger, and a partner exchange that can be killed at a chosen moment."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.launch.services import service_environment, service_plan
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.partner_exchange.world import Brand, Coalition, World
from tests.integration.partner_exchange.fallible import ARMED, ITSELF, arm
from tests.integration.partner_exchange.faulty import CASES
from tests.integration.partner_exchange.partner import PartnerProcess, partner_process

ROOT = Path(__file__).parents[3]
MEMBERS = ["ada", *(f"{step}~{fault}" for step, fault in CASES)]


@dataclass
class Fallible:
    """The two services, and what ends one of them."""

    ledger: RunningService
    exchange: RunningService
    armed: Path
    identity: DevelopmentIdentity

    def kill_exchange_at(self, moment: str) -> None:
        """Partner exchange kills itself when an exchange next comes to the moment."""
        arm(self.armed, moment, ITSELF)

    def kill_ledger_at(self, moment: str) -> None:
        """The ledger is killed when an exchange next comes to the moment."""
        arm(self.armed, moment, self.ledger.process.pid)

    async def killed_at(self, moment: str, call: Coroutine[Any, Any, object]) -> None:
        """Partner exchange is killed at the moment of a call, whose caller leaves, and started again."""
        self.kill_exchange_at(moment)
        asked = asyncio.create_task(call)
        await wait_until(lambda: not self.exchange.process.running)
        asked.cancel()
        await asyncio.wait({asked})
        await asyncio.to_thread(self.exchange.process.restart)

    def disarm(self) -> None:
        """Nothing is killed any more."""
        self.armed.unlink(missing_ok=True)


@pytest.fixture(scope="package")
def fallible_services(many_services: ManyServices) -> Iterator[ServiceFactory]:
    """For all tests of the folder: each makes a coalition of its own."""
    with many_services("fallible") as services:
        yield services


@pytest.fixture(scope="package")
def fallible(
    fallible_services: ServiceFactory, databases: DatabaseFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fallible]:
    ledger = fallible_services.start("ledger", databases.make("ledger"))
    folder = tmp_path_factory.mktemp("fallible")
    armed = folder / "armed"
    exchange = _exchange(fallible_services, databases, folder, ledger.target, armed)
    yield Fallible(ledger, exchange, armed, fallible_services.identity)
    exchange.process.stop()
    databases.drop(exchange.database)
    ledger.process.stop()
    databases.drop(ledger.database)


def _exchange(
    services: ServiceFactory, databases: DatabaseFactory, folder: Path, ledger_target: str, armed: Path
) -> RunningService:
    [port] = free_ports(1)
    database = databases.make("partner_exchange")
    environment = service_environment(
        "partner_exchange",
        listen=f"{LOOPBACK}:{port}",
        database=database,
        endpoints=services.endpoints,
        identity=services.identity,
        targets={"ledger": ledger_target, "membership": ""},
        clock_file=services.clock_file,
        settings={"lease_s": "1", "partner_timeout_s": "1"},
    )
    plan = service_plan("partner_exchange", environment, log=folder / "log", lock=folder / "lock")
    process = services.process(
        dataclasses.replace(
            plan,
            argv=(sys.executable, "-m", "tests.integration.partner_exchange.fallible"),
            environment={**environment, ARMED: str(armed), "PYTHONPATH": str(ROOT)},
        )
    )
    process.start()
    return RunningService("partner_exchange", f"{LOOPBACK}:{port}", database, process)


@pytest.fixture
async def world(fallible: Fallible, fallible_services: ServiceFactory) -> AsyncIterator[World]:
    made = World(fallible.ledger, fallible.exchange, fallible_services.identity)
    yield made
    fallible.disarm()
    await made.close()


@pytest.fixture
async def coalition(world: World) -> Coalition:
    return await world.coalition()


@dataclass(frozen=True)
class Pair:
    """A hosted brand and the remote one, with the process that keeps its points."""

    hosted: Brand
    remote: Brand
    partner: PartnerProcess


@pytest.fixture
def partner(request: pytest.FixtureRequest, tmp_path: Path, fallible: Fallible) -> Iterator[tuple[str, PartnerProcess]]:
    name = f"partners/r-{request.session.items.index(request.node)}"
    with partner_process(tmp_path, fallible.identity, name, MEMBERS) as process:
        yield name, process


@pytest.fixture
async def pair(coalition: Coalition, partner: tuple[str, PartnerProcess]) -> Pair:
    name, process = partner
    hosted, remote = await coalition.brand(), await coalition.remote_brand(process.target, name=name)
    await coalition.publish(hosted.to(remote, "1"), remote.to(hosted, "1"))
    return Pair(hosted, remote, process)
