"""A ledger, partner exchange, and a catalog that can be killed at a chosen moment; one of each for all tests here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from guerdon.exchange.v1.resources_pb2 import LinkPolicy
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon_kit.testing import DatabaseFactory, RunningService
from guerdon_kit.testing.fixtures import ManyServices
from tests.contract.partner_exchange.world import Brand, Coalition
from tests.contract.partner_exchange.world import World as Exchanging
from tests.contract.rewards_catalog.world import Shop
from tests.integration.rewards_catalog.conftest import Fallible, fallible_catalog


@dataclass
class Three:
    """The services."""

    fallible: Fallible
    exchange: RunningService


@pytest.fixture(scope="package")
def three(
    many_services: ManyServices, databases: DatabaseFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Three]:
    with many_services("transfers") as services:
        ledger = services.start("ledger", databases.make("ledger"))
        targets = {"ledger": ledger.target, "membership": ""}
        exchange = services.start(
            "partner_exchange", databases.make("partner_exchange"), targets=targets, settings={"lease_s": "1"}
        )
        targets["exchange"] = exchange.target
        for fallible in fallible_catalog(services, databases, tmp_path_factory.mktemp("fallible"), ledger, targets):
            yield Three(fallible, exchange)
        exchange.process.stop()
        databases.drop(exchange.database)
        databases.drop(ledger.database)


@dataclass
class Pair:
    """Two brands of a coalition, at two points of the one for a point of the other; and the catalog of the first."""

    three: Three
    world: Exchanging
    coalition: Coalition
    sender: Brand
    receiver: Brand
    shop: Shop

    async def reward(self, id_: str = "miles", **more: Any) -> str:
        """Any number of points from 10 up to 100, as miles."""
        kind = res.PartnerTransfer(sender=self.sender.name, receiver=self.receiver.name, min_points=10)
        fields: dict[str, Any] = {"partner_transfer": kind, "unlimited": True}
        return await self.shop.reward(id_, **(fields | more))

    async def untouched(self, account: str, points: int) -> bool:
        """Whether the account has so many points, none of them held, and the partner owes nothing for it."""
        balance = await self.shop.balance(account)
        return (balance.available, balance.held) == (points, 0)


async def pair_of(three: Three, world: Exchanging, links: LinkPolicy | None = None) -> Pair:
    """Two brands of a new coalition."""
    coalition = await world.coalition(links=links)
    sender, receiver = await coalition.pair("1/2", "2")
    shop = Shop(sender.program, coalition.books, world.client(three.fallible.catalog))
    return Pair(three, world, coalition, sender, receiver, shop)


@pytest.fixture
async def world(three: Three) -> AsyncIterator[Exchanging]:
    made = Exchanging(three.fallible.ledger, three.exchange, three.fallible.services.identity)
    yield made
    three.fallible.disarm()
    await made.close()


@pytest.fixture
async def pair(three: Three, world: Exchanging) -> Pair:
    return await pair_of(three, world)
