"""More than a worker can do is refused before it costs anything: its queue does not grow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from guerdon_cli.bench.client import Client
from guerdon_cli.bench.plan import Plan, Seen, Shape
from guerdon_cli.bench.requests import requests
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import DatabaseFactory, ServiceFactory
from tests.contract.ledger.world import World, findings

MEMBERS = 50
ITEMS = 100
QUEUE_MAX = 500
CONNECTION_MAX = 25
PER_S = 400
"""Calls: 40,000 transactions a second, several times what a worker can post."""


@pytest.fixture
async def world(
    services: ServiceFactory, databases: DatabaseFactory, identity: DevelopmentIdentity
) -> AsyncIterator[World]:
    service = services.start("ledger", databases.make("ledger"), settings={"ledger_queue_max": str(QUEUE_MAX)})
    made = World(service.target, identity)
    yield made
    await made.close()
    service.process.stop()
    databases.drop(service.database)


async def flood(
    world: World, program: str, seconds: float, shape: Shape = Shape.BATCH, per_s: int = PER_S, in_flight: int = 0
) -> tuple[Seen, int]:
    """Sends at a rate, whatever becomes of it, or so many at once; what was seen, and how many calls there were."""
    plan = Plan(
        shape,
        world.target,
        world.identity.token(),
        program,
        MEMBERS,
        amount=1,
        items=ITEMS if shape is Shape.BATCH else 1,
        seconds=seconds,
        warm_s=0.0,
        calls=int(per_s * seconds),
        per_s=0 if in_flight else per_s,
        in_flight=in_flight,
    )
    return await Client(plan).run(iter(list(requests(plan)))), plan.calls


async def test_an_open_loop_of_more_than_it_can_do_is_refused_and_every_call_accounted_for(world: World) -> None:
    shop = await world.shop()
    await shop.add_many([f"m{n}" for n in range(MEMBERS)])
    seen, sent = await flood(world, shop.name, 0.6)
    answered, refused = seen.all_items // ITEMS, sum(seen.failures.values())
    assert (answered + refused, seen.unsent) == (sent, 0)
    assert answered > 0
    assert refused > 0
    assert set(seen.failures) <= {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}
    # What was answered is there, and of what was refused nothing.
    assert (await shop.balance("issuance.points")).posted == -answered * ITEMS
    await shop.earn("m0", 1)  # and it serves again at once
    assert await findings(world.client()) == []


async def test_as_many_calls_as_a_connection_may_have_under_way_are_served_and_far_more_refused_before_they_are_read(
    services: ServiceFactory, databases: DatabaseFactory, identity: DevelopmentIdentity
) -> None:
    settings = {"max_concurrent_per_connection": str(CONNECTION_MAX)}
    service = services.start("ledger", databases.make("ledger"), settings=settings)
    world = World(service.target, identity)
    shop = await world.shop()
    await shop.add_many([f"m{n}" for n in range(MEMBERS)])
    many, _ = await flood(world, shop.name, 1.0, shape=Shape.POST, per_s=2_000, in_flight=CONNECTION_MAX)
    assert (many.all_items > CONNECTION_MAX, many.failures) == (True, {})
    seen, sent = await flood(world, shop.name, 0.6, shape=Shape.POST, per_s=3_000)
    answered, refused = seen.all_items, sum(seen.failures.values())
    assert answered + refused + seen.unsent == sent
    assert answered > CONNECTION_MAX
    assert refused > 0
    assert set(seen.failures) == {"UNAVAILABLE"}
    assert (await shop.balance("issuance.points")).posted == -answered - many.all_items
    assert await findings(world.client()) == []
    await world.close()
    service.process.stop()
    databases.drop(service.database)
