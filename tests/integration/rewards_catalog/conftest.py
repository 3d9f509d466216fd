"""A ledger, and a catalog that can be killed at a chosen moment."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guerdon_kit.embedded import Endpoints
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.launch.services import service_environment, service_plan
from guerdon_kit.processes import ServerProcess
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.rewards_catalog.world import Shop, World
from tests.integration.rewards_catalog.fallible import ARMED, ITSELF, arm

ROOT = Path(__file__).parents[3]


@dataclass
class Fallible:
    """The two services, and what ends one of them."""

    ledger: RunningService
    catalog: RunningService
    armed: Path

    def kill_catalog_at(self, moment: str) -> None:
        """The catalog kills itself when a redemption next comes to the moment."""
        arm(self.armed, moment, ITSELF)

    def kill_ledger_at(self, moment: str) -> None:
        """The ledger is killed when a redemption next comes to the moment."""
        arm(self.armed, moment, self.ledger.process.pid)

    def disarm(self) -> None:
        """Nothing is killed any more."""
        self.armed.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def fallible(
    module_services: ServiceFactory,
    databases: DatabaseFactory,
    endpoints: Endpoints,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fallible]:
    ledger = module_services.start("ledger", databases.make("ledger"))
    folder = tmp_path_factory.mktemp("fallible")
    armed = folder / "armed"
    [port] = free_ports(1)
    database = databases.make("rewards_catalog")
    environment = service_environment(
        "rewards_catalog",
        listen=f"{LOOPBACK}:{port}",
        database=database,
        endpoints=endpoints,
        identity=module_services.identity,
        targets={"ledger": ledger.target},
        clock_file=module_services.clock_file,
        settings={"lease_s": "1"},
    )
    plan = service_plan("rewards_catalog", environment, log=folder / "log", lock=folder / "lock")
    process = ServerProcess(
        dataclasses.replace(
            plan,
            argv=(sys.executable, "-m", "tests.integration.rewards_catalog.fallible"),
            environment={**environment, ARMED: str(armed), "PYTHONPATH": str(ROOT)},
        )
    )
    process.start()
    yield Fallible(ledger, RunningService("rewards_catalog", f"{LOOPBACK}:{port}", database, process), armed)
    process.stop()
    databases.drop(database)
    ledger.process.stop()
    databases.drop(ledger.database)


@pytest.fixture
async def world(fallible: Fallible, module_services: ServiceFactory) -> AsyncIterator[World]:
    made = World(fallible.ledger, fallible.catalog, module_services.identity)
    yield made
    fallible.disarm()
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
