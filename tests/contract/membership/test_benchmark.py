"""What the benchmark's client sends is recorded, and it sees that."""

from __future__ import annotations

import pytest

from guerdon_cli.bench.client import Client
from guerdon_cli.bench.plan import Plan, Shape
from guerdon_cli.bench.requests import requests
from tests.contract.membership.world import Shop, World


@pytest.mark.parametrize(("shape", "items", "calls"), [(Shape.PURCHASE, 1, 8), (Shape.IMPORT, 5, 4)])
async def test_purchases_are_recorded_and_those_of_unknown_members_told(
    world: World, shop: Shop, shape: Shape, items: int, calls: int
) -> None:
    await shop.enroll("m0")
    token = world.identity.token()
    plan = Plan(shape, world.membership.target, token, shop.program, items=items, in_flight=3, calls=calls, warm_s=0)
    seen = await Client(plan).run(requests(plan))
    assert (seen.all_items, seen.failures) == (items * calls, {})
    assert (await shop.totals()).purchase_count == items * calls

    stranger = await world.shop()
    plan = Plan(shape, world.membership.target, token, stranger.program, items=items, calls=1, warm_s=0)
    assert sum((await Client(plan).run(requests(plan))).failures.values()) == items
