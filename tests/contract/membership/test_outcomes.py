"""What rules give that count or belong to a campaign: cash and rewards instead of points, over the service."""

from __future__ import annotations

import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2
from guerdon.membership.v1.basket_pb2 import Award
from guerdon.membership.v1.given_reward_pb2 import GivenReward
from guerdon.type.v1.rational_pb2 import Rational
from membership.domain.accounts import wallet_id
from tests.contract.ledger.world import findings
from tests.contract.membership.campaigning import change, report, run, told
from tests.contract.membership.people import merge
from tests.contract.membership.test_rules import make, update
from tests.contract.membership.test_times import ahead, buy
from tests.contract.membership.world import Shop, World

SECOND = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2, repeats=True)
ONCE = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2)
DOWN = rule_pb2.ROUNDING_DOWN
PENDING, CALLED_OFF = GivenReward.STATE_PENDING, GivenReward.STATE_TAKING_BACK


async def with_cash(world: World, late_days: int = 0) -> tuple[Shop, str]:
    """A program that has cash beside its points, with a member; and the name of that unit."""
    shop = await world.shop(welcome_points=0, tiers=[], late_days=late_days, purchase_statistics=late_days > 0)
    cash = f"{shop.program}/units/cash"
    unit = ledger_res.Unit(name=cash, scale=2)
    await shop.books.ledger.CreateUnit(ledger.CreateUnitRequest(unit=unit, request_id=new_request_id()))
    await shop.enroll("ada")
    return shop, cash


async def wallet(shop: Shop, member_id: str = "ada") -> int:
    """What a member has in cash."""
    name = f"{shop.program}/accounts/{wallet_id(member_id, 'cash')}"
    return (await shop.books.ledger.GetBalance(ledger.GetBalanceRequest(name=name))).balance.available


async def purchase(shop: Shop, purchase_id: str) -> purchase_pb2.Purchase:
    request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/{purchase_id}")
    return (await shop.membership.membership.GetPurchase(request)).purchase


async def given_by(shop: Shop, purchase_id: str) -> dict[str, int]:
    """The rewards of a purchase by the rules that give them, and what becomes of each; no catalog answers here. What is
    called off has been taken back already where the catalog was not asked for it before.
    """
    rewards = (await purchase(shop, purchase_id)).given_rewards
    states = {GivenReward.STATE_TAKEN_BACK: CALLED_OFF}
    return {one.rule.rpartition("/")[2]: states.get(one.state, one.state) for one in rewards}


async def test_every_second_purchase_gives_cash_which_returns_take_back_by_the_count(world: World) -> None:
    shop, cash = await with_cash(world)
    await make(shop, "second", bonus_points=250, unit=cash, count=SECOND)
    first = await buy(shop, "p1", 3_00, ahead())
    award = told(first, "second")
    assert (award.points, award.count, award.unit) == (0, 1, cash)
    second = await buy(shop, "p2", 3_00, ahead())
    award = told(second, "second")
    assert (award.points, award.explanation) == (250, "2 counted, every 2 purchases give cash: 250 cash")
    assert second.rating.count_points == 0, "it is no points"
    assert (await wallet(shop), (await shop.balance("ada")).available) == (250, 6)
    await shop.bring_back("r1", "p1", 3_00)
    assert await wallet(shop) == 0
    await buy(shop, "p3", 3_00, ahead())
    assert await wallet(shop) == 250
    assert await findings(shop.books) == []


async def test_cash_for_a_count_that_two_have_who_are_one_person_is_given_once(world: World) -> None:
    shop, cash = await with_cash(world)
    await shop.enroll("ben")
    await make(shop, "once", bonus_points=400, unit=cash, count=ONCE)
    for number in (1, 2):
        await shop.buy(f"a{number}", "ada", 1_00, ahead())
        await shop.buy(f"b{number}", "ben", 1_00, ahead())
    assert (await wallet(shop), await wallet(shop, "ben")) == (400, 400)
    await merge(shop, "ben", "ada")
    assert await wallet(shop) == 400


async def test_a_budget_of_awards_covers_whatever_is_given_and_one_of_points_only_points(world: World) -> None:
    shop, cash = await with_cash(world)
    await run(shop, "points", budget_points=1_000)
    spring = (await run(shop, "spring", budget_awards=3)).name
    with pytest.raises(InvalidRequestError) as refused:
        await make(shop, "cash", bonus_points=5, unit=cash, campaign=f"{shop.program}/campaigns/points")
    assert [one.field for one in refused.value.violations] == ["earning_rule.campaign"]
    with pytest.raises(InvalidRequestError) as refused:
        await run(shop, "both", budget_awards=3, budget_points=3)
    assert [one.field for one in refused.value.violations] == ["campaign.budget_awards"]
    with pytest.raises(InvalidRequestError) as refused:
        await change(shop, "spring", budget_points=3)
    assert [one.field for one in refused.value.violations] == ["campaign.budget_points"]

    await make(shop, "cash", bonus_points=70, unit=cash, campaign=spring, minimum_spend=5_00)
    await make(shop, "counted", bonus_points=9, unit=cash, campaign=spring, count=SECOND)
    await make(shop, "sample", reward=f"{shop.program}/rewards/sample", campaign=spring, minimum_spend=50_00)
    first = await buy(shop, "p1", 6_00, ahead())
    assert (told(first, "cash").points, await wallet(shop)) == (70, 70)
    both = await buy(shop, "p2", 60_00, ahead())  # cash and a sample: two, of the two that are left
    assert [one.reward.rpartition("/")[2] for one in both.given_rewards] == ["sample"]
    assert told(both, "counted").verdict == Award.VERDICT_BUDGET_SPENT, "the count is reached, and owed"
    third = await buy(shop, "p3", 60_00, ahead())
    assert told(third, "cash").verdict == told(third, "sample").verdict == Award.VERDICT_BUDGET_SPENT
    assert (await wallet(shop), third.given_rewards[:]) == (140, [])
    found = await report(shop, "spring")
    assert (found.campaign.budget_awards, found.campaign.spent_awards, found.campaign.spent_points) == (3, 3, 0)
    reached = found.reached
    assert (reached.purchase_count, reached.awarded_purchase_count, reached.awarded_points) == (3, 2, 0)
    await change(shop, "spring", budget_awards=5)
    last = await buy(shop, "p4", 1_00, ahead())
    assert (told(last, "counted").points, await wallet(shop)) == (18, 140 + 18), "what is owed, and the second two"
    await shop.bring_back("r1", "p1", 6_00)
    assert await wallet(shop) == 70 + 9


async def test_what_a_count_gives_cannot_become_something_else(world: World) -> None:
    shop, _ = await with_cash(world)
    first, other = (f"{shop.program}/rewards/{one}" for one in ("coffee", "tea"))
    await make(shop, "tenth", reward=first, count=SECOND)
    with pytest.raises(InvalidRequestError) as refused:
        await update(shop, "tenth", reward=other, count=SECOND)
    assert [one.field for one in refused.value.violations] == ["earning_rule.reward"]
    with pytest.raises(InvalidRequestError) as refused:
        await make(shop, "r", reward=first, unit=f"{shop.program}/units/cash")
    assert [one.field for one in refused.value.violations] == ["earning_rule.reward"]


async def test_what_comes_late_counts_in_its_place_for_cash_and_leaves_what_purchases_gave(world: World) -> None:
    shop, cash = await with_cash(world, late_days=30)
    await make(shop, "twice", multiplier=Rational(numerator=2, denominator=1), condition="purchases.count == 0")
    one = Rational(numerator=1, denominator=1)
    await make(shop, "visit", points_per_visit=one, rounding=DOWN, unit=cash, condition="purchases.count == 0")
    await make(shop, "second", bonus_points=250, unit=cash, count=SECOND)
    await make(shop, "sample", reward=f"{shop.program}/rewards/sample", condition="purchases.count == 0")
    await make(shop, "cup", reward=f"{shop.program}/rewards/cup", count=SECOND)
    start = int(time.time()) + 1
    await shop.buy("b", "ada", 2_00, Timestamp(seconds=start + 20))
    await shop.buy("c", "ada", 2_00, Timestamp(seconds=start + 30))
    assert (await wallet(shop), (await shop.balance("ada")).available) == (1 + 250, 4 + 2)
    late = (await shop.buy("a", "ada", 2_00, Timestamp(seconds=start + 10))).purchase
    assert (late.rating.base_points, late.rating.rule_points) == (2, 2), "the first one, as it happened"
    assert (await shop.balance("ada")).available == 4 + 2 + 2
    assert await wallet(shop) == 1 + 250 + 1, "b keeps the cash that it gave; the second is still worth 250"
    for purchase_id, counted in (("a", 0), ("b", 250), ("c", 0)):
        assert told(await purchase(shop, purchase_id), "second").points == counted
    rewards = {one: await given_by(shop, one) for one in ("a", "b", "c")}
    assert rewards == {"a": {"sample": PENDING}, "b": {"sample": PENDING, "cup": PENDING}, "c": {}}, (
        "the cup is now b's"
    )
    await shop.bring_back("r1", "b", 2_00)
    assert await wallet(shop) == 1 + 250, "of a, and for a and c"
    assert (await shop.balance("ada")).available == 4 + 2
    assert (await given_by(shop, "b"), await given_by(shop, "c")) == ({"sample": CALLED_OFF}, {"cup": PENDING})
    await shop.bring_back("r2", "c", 2_00)
    assert (await wallet(shop), await given_by(shop, "c")) == (1, {"cup": CALLED_OFF})
    assert await findings(shop.books) == []
