"""A ledger, and three services upon it: an employer's recognition, its rewards, and a coalition of brands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from joserfc.jwk import ECKey

from guerdon import new_request_id
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import DatabaseFactory, RunningService
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.partner_exchange import world as exchanging
from tests.contract.recognition import world as recognising
from tests.contract.recognition.world import Employer
from tests.contract.rewards_catalog import world as rewarding
from tests.contract.rewards_catalog.world import Shop


@dataclass(frozen=True)
class Services:
    """The services."""

    ledger: RunningService
    recognition: RunningService
    catalog: RunningService
    exchange: RunningService


@dataclass
class Company:
    """What an employer's people do with the points that they earned."""

    services: Services
    identity: DevelopmentIdentity
    worlds: list[recognising.World | rewarding.World | exchanging.World] = field(default_factory=list)

    async def employer(self, *, exchange_allowed: bool = False) -> Employer:
        """An organisation in a program of its own, in which each may give 2,000 points."""
        world = recognising.World(self.services.ledger, self.services.recognition, self.identity)
        self.worlds.append(world)
        return await world.employer(allowance=2000, exchange_allowed=exchange_allowed)

    def rewards(self, employer: Employer) -> Shop:
        """The employer's own rewards."""
        world = rewarding.World(self.services.ledger, self.services.catalog, self.identity)
        self.worlds.append(world)
        return Shop(employer.program, employer.bank, world.client(self.services.catalog))

    async def brands(self, employer: Employer) -> tuple[exchanging.Brand, exchanging.Brand]:
        """The employer as a brand of a coalition, and another one to which points go one for one."""
        world = exchanging.World(self.services.ledger, self.services.exchange, self.identity)
        self.worlds.append(world)
        coalition = await world.coalition()
        name = f"partners/{employer.program.removeprefix('programs/')}"
        own = exchanging.Brand(name, employer.program, coalition, ECKey.generate_key("P-256"))
        await coalition.operator.coalition_admin.CreatePartner(own.application(request_id=new_request_id()))
        await coalition.start(own)
        await coalition.launch(own)
        other = await coalition.brand()
        await coalition.publish(own.to(other, "1"))
        return own, other


@pytest.fixture(scope="package")
def services(many_services: ManyServices, databases: DatabaseFactory) -> Iterator[Services]:
    with many_services("shared") as starting:
        ledger = starting.start("ledger", databases.make("ledger"))
        targets = {"ledger": ledger.target, "membership": ""}
        recognition, catalog, exchange = (
            starting.start(name, databases.make(name), targets=targets)
            for name in ("recognition", "rewards_catalog", "partner_exchange")
        )
        yield Services(ledger, recognition, catalog, exchange)
    for service in (exchange, catalog, recognition, ledger):
        databases.drop(service.database)


@pytest.fixture
async def company(services: Services, identity: DevelopmentIdentity) -> AsyncIterator[Company]:
    made = Company(services, identity)
    yield made
    for world in made.worlds:
        await world.close()
