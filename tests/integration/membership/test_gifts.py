"""Rewards of the catalog that rules give, through all three services: once, whatever is away, and not for returns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guerdon import Client
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2
from guerdon.membership.v1 import velocity_pb2 as v
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_times import ahead
from tests.contract.membership.test_velocity import limit, reject, release, watch
from tests.contract.membership.world import Shop, World
from tests.contract.rewards_catalog.counter import set_terms, use
from tests.contract.rewards_catalog.world import Shop as Catalog

Given = purchase_pb2.GivenReward


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService, RunningService]]:
    ledger = module_services.start("ledger", databases.make("ledger"))
    targets = {"ledger": ledger.target, "membership": ""}
    catalog = module_services.start("rewards_catalog", databases.make("rewards_catalog"), targets=targets)
    targets = {"ledger": ledger.target, "rewards": catalog.target}
    membership = module_services.start("membership", databases.make("membership"), targets=targets)
    yield ledger, membership, catalog
    for one in (membership, catalog, ledger):
        databases.drop(one.database)


async def given(shop: Shop, purchase_id: str, state: Given.State.ValueType) -> Given:
    """What became of the one reward of a purchase, once it is in a state."""

    async def there() -> Given | None:
        request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/{purchase_id}")
        [one] = (await shop.membership.membership.GetPurchase(request)).purchase.given_rewards
        return one if one.state == state else None

    found = await wait_until(there)
    assert isinstance(found, Given)
    return found


async def redemption(catalog: Catalog, name: str) -> res.Redemption:
    request = rewards_pb2.GetRedemptionRequest(name=name)
    return (await catalog.catalog.rewards.GetRedemption(request)).redemption


@pytest.mark.crash
async def test_a_reward_is_given_once_whatever_is_away_and_called_off_when_its_purchase_comes_back(
    running: tuple[RunningService, RunningService, RunningService], module_services: ServiceFactory
) -> None:
    ledger, membership, process = running
    world = World(ledger, membership, module_services.identity)
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    client = Client(process.target, token=module_services.identity.token())
    catalog = Catalog(shop.program, shop.books, client)
    reward = await catalog.reward("shipping", codes=[f"CODE-{number}" for number in range(3)])
    await set_terms(catalog, reward, cancellable=True)
    await make(shop, "free", reward=reward, minimum_spend=50_00)
    at = ahead()
    small = (await shop.buy("p0", "ada", 49_99, at)).purchase
    assert not small.given_rewards
    process.process.kill()
    bought = (await shop.buy("p1", "ada", 60_00, at)).purchase
    assert [one.state for one in bought.given_rewards] == [Given.STATE_PENDING]
    assert bought.rating.base_points == 60
    [award] = [one for one in bought.rating.awards if one.rule.endswith("/free")]
    assert (award.points, award.explanation) == (0, "the reward shipping")
    process.process.start()
    first = await given(shop, "p1", Given.STATE_GIVEN)
    assert (first.reward, (await redemption(catalog, first.redemption)).price) == (reward, 0)
    await shop.bring_back("r1", "p1", 10_00)
    assert (await given(shop, "p1", Given.STATE_GIVEN)) == first, "50 dollars are kept"
    await shop.bring_back("r2", "p1", 1)
    await given(shop, "p1", Given.STATE_TAKEN_BACK)
    assert (await redemption(catalog, first.redemption)).state == res.REDEMPTION_STATE_REFUNDED

    await shop.buy("p2", "ada", 60_00, at)
    second = await given(shop, "p2", Given.STATE_GIVEN)
    await use(catalog, (await redemption(catalog, second.redemption)).code)
    await shop.bring_back("r3", "p2", 60_00)
    assert (await given(shop, "p2", Given.STATE_KEPT)).reason == "VOUCHER_REDEEMED"

    await watch(shop, limit(v.VelocityLimit.SUBJECT_MEMBER, max_points=1), hold=True)
    for purchase_id in ("p3", "p4"):
        await shop.buy(purchase_id, "ada", 60_00, at)
    await reject(shop, "p3")
    assert (await given(shop, "p3", Given.STATE_REFUSED)).reason == "AWARD_REJECTED"
    await release(shop, "p4")
    await given(shop, "p4", Given.STATE_GIVEN)
    await watch(shop)
    await shop.buy("p5", "ada", 60_00, at)
    assert (await given(shop, "p5", Given.STATE_REFUSED)).reason == "OUT_OF_STOCK"
    await world.close()
    await client.close()
