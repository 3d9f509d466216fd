"""A ledger, and the services that know what is locked and give cash for points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey

from guerdon import new_request_id
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.membership import world as membership
from tests.contract.partner_exchange import world as exchange_world
from tests.contract.partner_exchange.world import Brand
from tests.contract.rewards_catalog import world as rewards


@dataclass(frozen=True)
class Mall:
    """The services. Their clocks are moved together."""

    services: ServiceFactory
    ledger: RunningService
    membership: RunningService
    catalog: RunningService
    exchange: RunningService

    def move_clocks(self, by: timedelta) -> None:
        """Moves all clocks to so much after the machine's."""
        set_offset(self.services.clock_file, by)


@dataclass(frozen=True)
class Shop:
    """A program as membership, as the catalog and as partner exchange see it."""

    mall: Mall
    purchases: membership.Shop
    rewards: rewards.Shop
    coalition: exchange_world.Coalition

    async def brands(self) -> tuple[Brand, Brand, Brand]:
        """The program as a brand, and two to which it sends points one for one: a hosted and a remote one."""
        own = Brand(
            f"partners/{self.rewards.program[9:]}", self.rewards.program, self.coalition, ECKey.generate_key("P-256")
        )
        asked = own.application(request_id=new_request_id())
        await self.coalition.operator.coalition_admin.CreatePartner(asked)
        await self.coalition.start(own)
        await self.coalition.launch(own)
        hosted, remote = await self.coalition.brand(), await self.coalition.remote_brand()
        await self.coalition.publish(own.to(hosted, "1"), own.to(remote, "1"))
        return own, hosted, remote


@pytest.fixture(scope="package")
def mall(many_services: ManyServices, databases: DatabaseFactory) -> Iterator[Mall]:
    with many_services("locking") as services:
        ledger = services.start("ledger", databases.make("ledger"))
        targets = {"ledger": ledger.target}
        members = services.start("membership", databases.make("membership"), targets=targets)
        targets["membership"] = members.target
        catalog = services.start("rewards_catalog", databases.make("rewards_catalog"), targets=targets)
        exchange = services.start("partner_exchange", databases.make("partner_exchange"), targets=targets)
        yield Mall(services, ledger, members, catalog, exchange)
    for service in (exchange, catalog, members, ledger):
        databases.drop(service.database)


@pytest.fixture
async def shop(mall: Mall, identity: DevelopmentIdentity) -> AsyncIterator[Shop]:
    """A program of its own with a return window of 30 days and a member, ada; the clocks are as the machine's."""
    mall.move_clocks(timedelta())
    world = membership.World(mall.ledger, mall.membership, identity)
    catalog = rewards.World(mall.ledger, mall.catalog, identity)
    purchases = await world.shop(welcome_points=0, tiers=[], return_window_days=30)
    await purchases.enroll("ada")
    exchanging = exchange_world.World(mall.ledger, mall.exchange, identity)
    rewarding = rewards.Shop(purchases.program, purchases.books, catalog.client(mall.catalog))
    yield Shop(mall, purchases, rewarding, await exchanging.coalition())
    await exchanging.close()
    await catalog.close()
    await world.close()
    mall.move_clocks(timedelta())
