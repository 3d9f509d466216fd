"""A ledger, and a catalog that can be killed at a chosen moment."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc import status_pb2

from guerdon import GuerdonError, error_from_status
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.launch.services import is_serving, service_environment, service_plan
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.rewards_catalog.world import Shop, World
from tests.integration.rewards_catalog.fallible import ARMED, ITSELF, arm, armed

ROOT = Path(__file__).parents[3]


@dataclass
class Fallible:
    """The two services, and what ends one of them. The catalog has two workers, one of which is killed at a time."""

    ledger: RunningService
    catalog: RunningService
    armed: Path
    services: ServiceFactory

    async def kill_catalog_at(self, moment: str, rpc: str, request: Message, *, then_ledger_at: str = "") -> None:
        """Asks until a worker of the catalog was killed because a redemption came to the moment; from then on the
        ledger is killed when one comes to the other moment, if there is one.

        Returns when the catalog serves: the other worker, or both, may have been waiting to be started again.
        """
        await self.strike_catalog_at(moment, rpc, request, then_ledger_at=then_ledger_at)
        await wait_until(lambda: asyncio.to_thread(is_serving, self.catalog.target))

    async def strike_catalog_at(self, moment: str, rpc: str, request: Message, *, then_ledger_at: str = "") -> None:
        """The same, and returns as soon as the worker is dead."""
        arm(self.armed, (ITSELF, moment), *([(self.ledger.process.pid, then_ledger_at)] if then_ledger_at else ()))

        async def killed() -> bool:
            await self.ask_once(rpc, request)
            return armed(self.armed) != moment

        await wait_until(killed)

    def kill_ledger_at(self, moment: str) -> None:
        """The ledger is killed when a redemption next comes to the moment."""
        arm(self.armed, (self.ledger.process.pid, moment))

    async def ask_once(self, rpc: str, request: Message, timeout_s: float = 10.0) -> GuerdonError | None:
        """Asks the catalog by a channel of its own, which does not try again as the SDK's does; answers the refusal."""
        async with grpc.aio.insecure_channel(self.catalog.target) as channel:
            method: Any = channel.unary_unary(
                f"/guerdon.rewards.v1.{_service_of(rpc)}/{rpc}", request_serializer=type(request).SerializeToString
            )
            try:
                await method(
                    request, timeout=timeout_s, metadata=[("authorization", f"Bearer {self.services.identity.token()}")]
                )
            except grpc.aio.AioRpcError as failure:
                details = dict(failure.trailing_metadata()).get("grpc-status-details-bin", b"")
                return error_from_status(status_pb2.Status.FromString(details))
        return None

    async def ask(self, rpc: str, request: Message) -> GuerdonError | None:
        """The same, asking again where no answer came in time: the catalog's own word."""
        while True:
            refusal = await self.ask_once(rpc, request, timeout_s=1.5)
            if refusal is None or refusal.reason:
                return refusal

    def moments(self) -> set[str]:
        """The moments that redemptions, vouchers and goodwill have come to."""
        return set(self.armed.with_name("moments").read_text(encoding="utf-8").splitlines())

    def disarm(self) -> None:
        """Nothing is killed any more."""
        self.armed.unlink(missing_ok=True)


def _service_of(rpc: str) -> str:
    if "Goodwill" in rpc:
        return "SupportService"
    return "VoucherService" if "Voucher" in rpc else "RewardsService"


@pytest.fixture(scope="package")
def fallible(
    many_services: ManyServices, databases: DatabaseFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fallible]:
    """One for all tests here: whatever they kill is running again when they end, and each has a program of its own."""
    folder = tmp_path_factory.mktemp("fallible")
    with many_services("fallible") as services:
        yield from _fallible(services, databases, folder)


def _fallible(services: ServiceFactory, databases: DatabaseFactory, folder: Path) -> Iterator[Fallible]:
    ledger = services.start("ledger", databases.make("ledger"))
    yield from fallible_catalog(services, databases, folder, ledger, {"ledger": ledger.target, "membership": ""})
    databases.drop(ledger.database)


def fallible_catalog(
    services: ServiceFactory,
    databases: DatabaseFactory,
    folder: Path,
    ledger: RunningService,
    targets: Mapping[str, str],
) -> Iterator[Fallible]:
    """A catalog over the ledger, and over what else is at the targets."""
    armed = folder / "armed"
    [port] = free_ports(1)
    database = databases.make("rewards_catalog")
    environment = service_environment(
        "rewards_catalog",
        listen=f"{LOOPBACK}:{port}",
        database=database,
        endpoints=services.endpoints,
        identity=services.identity,
        targets=targets,
        clock_file=services.clock_file,
        settings={"lease_s": "1", "workers": "2"},
    )
    plan = service_plan("rewards_catalog", environment, log=folder / "log", lock=folder / "lock")
    process = services.process(
        dataclasses.replace(
            plan,
            argv=(sys.executable, "-m", "tests.integration.rewards_catalog.fallible"),
            environment={**environment, ARMED: str(armed), "PYTHONPATH": str(ROOT)},
        )
    )
    process.start()
    service = RunningService("rewards_catalog", f"{LOOPBACK}:{port}", database, process)
    yield Fallible(ledger, service, armed, services)
    process.stop()
    ledger.process.stop()
    databases.drop(database)


@pytest.fixture
async def world(fallible: Fallible) -> AsyncIterator[World]:
    made = World(fallible.ledger, fallible.catalog, fallible.services.identity)
    yield made
    fallible.disarm()
    await made.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    return await world.shop()
