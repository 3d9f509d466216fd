"""A ledger, and the services that know what is locked and give cash for points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.membership import world as membership
from tests.contract.rewards_catalog import world as rewards


@dataclass(frozen=True)
class Mall:
    """The services. Their clocks are moved together."""

    services: ServiceFactory
    ledger: RunningService
    membership: RunningService
    catalog: RunningService

    def move_clocks(self, by: timedelta) -> None:
        """Moves all clocks to so much after the machine's."""
        set_offset(self.services.clock_file, by)


@dataclass(frozen=True)
class Shop:
    """A program as membership and as the catalog see it."""

    mall: Mall
    purchases: membership.Shop
    rewards: rewards.Shop


@pytest.fixture(scope="package")
def mall(many_services: ManyServices, databases: DatabaseFactory) -> Iterator[Mall]:
    with many_services("locking") as services:
        ledger = services.start("ledger", databases.make("ledger"))
        targets = {"ledger": ledger.target}
        members = services.start("membership", databases.make("membership"), targets=targets)
        targets["membership"] = members.target
        catalog = services.start("rewards_catalog", databases.make("rewards_catalog"), targets=targets)
        yield Mall(services, ledger, members, catalog)
    for service in (catalog, members, ledger):
        databases.drop(service.database)


@pytest.fixture
async def shop(mall: Mall, identity: DevelopmentIdentity) -> AsyncIterator[Shop]:
    """A program of its own with a return window of 30 days and a member, ada; the clocks are as the machine's."""
    mall.move_clocks(timedelta())
    world = membership.World(mall.ledger, mall.membership, identity)
    catalog = rewards.World(mall.ledger, mall.catalog, identity)
    purchases = await world.shop(welcome_points=0, tiers=[], return_window_days=30)
    await purchases.enroll("ada")
    rewarding = rewards.Shop(purchases.program, purchases.books, catalog.client(mall.catalog))
    yield Shop(mall, purchases, rewarding)
    await catalog.close()
    await world.close()
    mall.move_clocks(timedelta())
