"""Rewards of the catalog that rules give, through all three services: once, whatever is away, and not for returns."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from datetime import timedelta

import asyncpg
import pytest

from guerdon import Client, RefusedError, new_request_id
from guerdon.membership.v1 import given_reward_pb2, rule_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import velocity_pb2 as v
from guerdon.membership.v1.member_file_pb2 import MemberRow
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from tests.contract.membership.people import file, import_, merge
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_times import ahead
from tests.contract.membership.test_velocity import limit, reject, release, watch
from tests.contract.membership.world import Shop, World, row
from tests.contract.rewards_catalog.counter import set_terms, use
from tests.contract.rewards_catalog.world import Shop as Catalog

Given = given_reward_pb2.GivenReward


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService, RunningService]]:
    ledger = module_services.start("ledger", databases.make("ledger"))
    targets = {"ledger": ledger.target, "membership": ""}
    catalog = module_services.start("rewards_catalog", databases.make("rewards_catalog"), targets=targets)
    targets = {"ledger": ledger.target, "rewards": catalog.target}
    made, settings = databases.make("membership"), {"rewards_patience_s": "0.5"}
    membership = module_services.start("membership", made, targets=targets, settings=settings)
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


async def coffee_shop(
    running: tuple[RunningService, RunningService, RunningService],
    identity: DevelopmentIdentity,
    *,
    welcomes: bool = False,
) -> tuple[World, Shop, Catalog, str]:
    """A program, and a reward of its catalog that can be called off, and is given to who enrols if it `welcomes`."""
    ledger, membership, process = running
    world = World(ledger, membership, identity)
    shop = await world.books()
    welcome = f"{shop.program}/rewards/coffee" if welcomes else ""
    settings = shop.settings(welcome_points=0, tiers=[], welcome_reward=welcome)
    request = pb.CreateProgramRequest(program=settings, request_id=new_request_id())
    assert (await shop.membership.membership.CreateProgram(request)).program.welcome_reward == welcome
    catalog = Catalog(shop.program, shop.books, world.client(process))
    reward = await catalog.reward("coffee", codes=[f"CODE-{number}" for number in range(9)])
    await set_terms(catalog, reward, cancellable=True)
    return world, shop, catalog, reward


async def all_given(shop: Shop, purchase_id: str) -> list[tuple[int, str]]:
    """What became of the rewards of a purchase, and why."""
    request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/{purchase_id}")
    found = (await shop.membership.membership.GetPurchase(request)).purchase.given_rewards
    return [(one.state, one.reason) for one in found]


async def test_the_reward_for_a_count_follows_the_count_and_one_that_was_used_stands_for_the_next(
    running: tuple[RunningService, RunningService, RunningService], module_services: ServiceFactory
) -> None:
    """Whoever drinks the free coffee, brings a paid one back and buys it again is not given another one."""
    world, shop, catalog, reward = await coffee_shop(running, module_services.identity)
    await shop.enroll("ada")
    count = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=3, repeats=True)
    await make(shop, "third", reward=reward, count=count)
    at = ahead()
    for purchase_id in ("p1", "p2", "p3"):
        await shop.buy(purchase_id, "ada", 4_00, at)
    assert await all_given(shop, "p2") == []
    first = await given(shop, "p3", Given.STATE_GIVEN)
    assert (first.rule, first.member) == (f"{shop.program}/rules/third", f"{shop.program}/members/ada")
    await shop.bring_back("r1", "p1", 4_00)
    await given(shop, "p3", Given.STATE_TAKEN_BACK)

    await shop.buy("p4", "ada", 4_00, at)
    second = await given(shop, "p4", Given.STATE_GIVEN)
    await use(catalog, (await redemption(catalog, second.redemption)).code)
    await shop.bring_back("r2", "p4", 4_00)
    assert (await given(shop, "p4", Given.STATE_KEPT)).reason == "VOUCHER_REDEEMED"
    await shop.buy("p5", "ada", 4_00, at)
    assert (await given(shop, "p5", Given.STATE_REFUSED)).reason == "EARLIER_KEPT"
    await shop.bring_back("r3", "p5", 4_00)
    await shop.buy("again", "ada", 4_00, at)
    assert (await given(shop, "again", Given.STATE_REFUSED)).reason == "EARLIER_KEPT", "however often"
    for purchase_id in ("p6", "p7", "p8"):
        await shop.buy(purchase_id, "ada", 4_00, at)
    assert (await given(shop, "p8", Given.STATE_GIVEN)).reward == reward
    await world.close()


async def test_who_enrols_is_given_the_welcome_reward_once_also_as_two_members(
    running: tuple[RunningService, RunningService, RunningService], module_services: ServiceFactory
) -> None:
    world, shop, catalog, _ = await coffee_shop(running, module_services.identity, welcomes=True)
    await shop.enroll("ada")
    await shop.enroll("ada")
    await import_(shop, [file(shop, [MemberRow(member_id="old")])])
    await import_(shop, [file(shop, [MemberRow(member_id="new")], give_welcome_points=True)])
    await shop.import_([shop.chunk(1, [row("p1", "ben", 1_00)])])

    async def redeemed() -> dict[str, int]:
        request = rewards_pb2.ListRedemptionsRequest(parent=shop.program)
        found = (await catalog.catalog.rewards.ListRedemptions(request)).redemptions
        return {one.account.rpartition("/")[2]: one.state for one in found}

    fulfilled, refunded = res.REDEMPTION_STATE_FULFILLED, res.REDEMPTION_STATE_REFUNDED
    await wait_until(lambda: _equal(redeemed(), dict.fromkeys(("m-ada", "m-new", "m-ben"), fulfilled)))
    await merge(shop, "ben", "ada")
    left = {"m-ada": fulfilled, "m-new": fulfilled, "m-ben": refunded}
    await wait_until(lambda: _equal(redeemed(), left))
    await world.close()


async def _equal(found: Awaitable[object], expected: object) -> bool:
    return await found == expected


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


@pytest.mark.crash
async def test_what_the_catalog_was_not_asked_for_is_not_given_whoever_looked_at_it_and_was_killed(
    running: tuple[RunningService, RunningService, RunningService], module_services: ServiceFactory
) -> None:
    world, shop, catalog, reward = await coffee_shop(running, module_services.identity)
    process = running[2].process
    await shop.enroll("ada")
    count = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2, repeats=True)
    await make(shop, "second", reward=reward, count=count)
    at = ahead()
    for purchase_id in ("p1", "p2"):
        await shop.buy(purchase_id, "ada", 4_00, at)
    first = await given(shop, "p2", Given.STATE_GIVEN)
    await use(catalog, (await redemption(catalog, first.redemption)).code)
    process.kill()
    await shop.bring_back("r1", "p1", 4_00)
    await shop.buy("p3", "ada", 4_00, at)  # waits for what becomes of the first one
    await shop.bring_back("r2", "p3", 4_00)
    assert (await given(shop, "p3", Given.STATE_TAKEN_BACK)).redemption == ""
    await shop.buy("p4", "ada", 4_00, at)
    owner = await asyncpg.connect(running[1].database.owner_url)
    await owner.execute("update gifts set attempts = attempts + 1 where state = 1")  # claimed, by who is killed then
    await owner.close()
    process.start()
    set_offset(module_services.clock_file, timedelta(minutes=1))
    try:
        assert (await given(shop, "p2", Given.STATE_KEPT)).reason == "VOUCHER_REDEEMED"
        assert (await given(shop, "p4", Given.STATE_REFUSED)).reason == "EARLIER_KEPT"
    finally:
        set_offset(module_services.clock_file, timedelta())
    await world.close()


@pytest.mark.crash
async def test_a_reward_that_the_catalog_does_not_answer_for_is_an_operators_after_a_week(
    running: tuple[RunningService, RunningService, RunningService], module_services: ServiceFactory
) -> None:
    world, shop, _, reward = await coffee_shop(running, module_services.identity)
    await shop.enroll("ada")
    await make(shop, "free", reward=reward)
    process, api = running[2].process, shop.membership.membership

    async def overdue() -> list[Given]:
        request = given_reward_pb2.ListOverdueRewardsRequest(parent=shop.program)
        return list((await api.ListOverdueRewards(request)).given_rewards)

    async def retry(purchase_id: str) -> None:
        request = given_reward_pb2.RetryRewardRequest(name=by_purchase[purchase_id], request_id=new_request_id())
        assert (await api.RetryReward(request)).given_reward.name == by_purchase[purchase_id]

    process.kill()
    for purchase_id in ("p1", "p2", "p3"):
        await shop.buy(purchase_id, "ada", 4_00, ahead())
    name = (await given(shop, "p1", Given.STATE_PENDING)).name
    with pytest.raises(RefusedError) as refused:
        await api.RetryReward(given_reward_pb2.RetryRewardRequest(name=name, request_id=new_request_id()))
    assert refused.value.reason == "REWARD_NOT_OVERDUE"
    assert await overdue() == []
    set_offset(module_services.clock_file, timedelta(days=8))
    await wait_until(lambda: _of_size(overdue(), 3))
    found = await overdue()
    assert {one.purchase.rpartition("/")[2] for one in found} == {"p1", "p2", "p3"}
    assert {(one.state, one.overdue) for one in found} == {(Given.STATE_PENDING, True)}
    by_purchase = {one.purchase.rpartition("/")[2]: one.name for one in found}
    end = given_reward_pb2.EndRewardRequest(name=by_purchase["p1"], request_id="end-1")
    ended = (await api.EndReward(end)).given_reward
    assert (ended.state, ended.reason, ended.overdue) == (Given.STATE_REFUSED, "ENDED_BY_OPERATOR", False)
    assert (await api.EndReward(end)).given_reward == ended
    process.start()
    await retry("p2")
    await given(shop, "p2", Given.STATE_GIVEN)
    assert await all_given(shop, "p1") == [(Given.STATE_REFUSED, "ENDED_BY_OPERATOR")]
    process.kill()
    set_offset(module_services.clock_file, timedelta(days=30))
    await retry("p3")
    await wait_until(lambda: _of_size(overdue(), 1))  # by now the clock is moved
    process.start()
    await retry("p3")
    await wait_until(lambda: _of_size(overdue(), 1))
    [left] = await overdue()
    assert (left.name, left.state) == (by_purchase["p3"], Given.STATE_PENDING), "the catalog may have forgotten it"
    await world.close()


async def _of_size(found: Awaitable[list[Given]], size: int) -> bool:
    return len(await found) == size
