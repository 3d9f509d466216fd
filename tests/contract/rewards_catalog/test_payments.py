"""Rewards that cost points and money: the points wait, with a piece set aside, for somebody to take the money."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, PermissionDeniedError, RefusedError, new_request_id, was_replayed
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from tests.contract.rewards_catalog.counter import euros
from tests.contract.rewards_catalog.world import Shop, World

AWAITING, ISSUED, FAILED = (
    res.REDEMPTION_STATE_AWAITING_PAYMENT,
    res.REDEMPTION_STATE_ISSUED,
    res.REDEMPTION_STATE_FAILED,
)
STEPS = res.PointsRange(min_points=400, step_points=100, step_cash=euros(75))


async def refused_payment(shop: Shop, redemption: str, **changes: Any) -> GuerdonError:
    with pytest.raises(GuerdonError) as refused:
        await shop.pay(redemption, **{"cash": euros(450), **changes})
    return refused.value


async def test_points_wait_with_their_piece_until_the_money_is_there(shop: Shop) -> None:
    kettle = await shop.reward("kettle", price=1000, stock=2, cash=euros(499))
    member = await shop.member(1000)
    waiting = await shop.redeem(kettle, member, "kettle")
    assert (waiting.state, waiting.price, waiting.cash, waiting.payment) == (AWAITING, 1000, euros(499), "")
    until = waiting.payment_end_time.ToDatetime(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(minutes=14) < until <= timedelta(minutes=15)
    assert await shop.redeem(kettle, member, "kettle") == waiting
    balance = await shop.balance(member)
    assert ((balance.available, balance.held), await shop.left(kettle)) == ((0, 1000), 1)

    request = pb.ConfirmPaymentRequest(name=waiting.name, payment="ch_1", cash=euros(499), request_id="paid")
    done = (await shop.catalog.rewards.ConfirmPayment(request)).redemption
    assert (done.state, done.payment, done.cash) == (ISSUED, "ch_1", euros(499))
    again = shop.catalog.rewards.ConfirmPayment(request)
    assert (await again).redemption == done
    assert await was_replayed(again)
    assert await shop.redeem(kettle, member, "kettle") == done
    assert await shop.spent(member) == [-1000]
    refusal = await refused_payment(shop, waiting.name, cash=euros(499))
    assert (refusal.reason, refusal.metadata["payment"]) == ("NOT_AWAITING_PAYMENT", "ch_1")


async def test_fewer_points_and_more_money_in_the_steps_of_the_range(shop: Shop) -> None:
    """1,000 points, or as few as 400 and €0.75 for each 100 that are left out."""
    kettle = await shop.reward("kettle", price=1000, stock=9, points_range=STEPS)
    member = await shop.member(1850)
    offers = (await shop.catalog.rewards.ListRewards(pb.ListRewardsRequest(parent=shop.program, account=member))).offers
    assert offers[0].reward.points_range == STEPS
    few = await shop.redeem(kettle, member, points=400)
    assert (few.state, few.price, few.cash) == (AWAITING, 400, euros(450))
    assert (await shop.pay(few.name, cash=euros(450))).state == ISSUED
    whole = await shop.redeem(kettle, member)
    assert (whole.state, whole.price, whole.HasField("cash")) == (ISSUED, 1000, False)
    for points in (399, 450, 1100, -100):
        with pytest.raises(InvalidRequestError) as refused:
            await shop.redeem(kettle, member, points=points)
        assert [violation.field for violation in refused.value.violations] == ["points"]
    assert (await shop.balance(member)).available == 450
    assert await shop.spent(member) == [-1000, -400]


async def test_a_reward_is_affordable_with_the_fewest_points_of_its_range(shop: Shop) -> None:
    await shop.reward("kettle", price=1000, stock=9, points_range=STEPS)
    await shop.reward("mug", price=500, stock=9)
    request = pb.ListRewardsRequest(parent=shop.program, account=await shop.member(400))
    offers = (await shop.catalog.rewards.ListRewards(request)).offers
    assert [(offer.title, offer.affordable, offer.points_to_go) for offer in offers] == [
        ("Mug", False, 100),
        ("Kettle", True, 0),
    ]
    request.affordable_only = True
    assert [offer.title for offer in (await shop.catalog.rewards.ListRewards(request)).offers] == ["Kettle"]


async def test_points_buy_cash_exactly_to_the_cent_as_many_as_a_member_likes(shop: Shop) -> None:
    """At 3 points to 2 cents: the rate has no end as a decimal fraction."""
    steps = res.PointsRange(min_points=300, step_points=3, step_cash=euros(2))
    cashback = res.Cashback(value=euros(20_000))
    reward = await shop.reward("cash", price=30_000, unlimited=True, cashback=cashback, points_range=steps)
    member = await shop.member(31_299)
    shown = await shop.catalog.rewards.GetReward(pb.GetRewardRequest(name=reward))
    assert (shown.reward.cashback, shown.reward.points_range) == (cashback, steps)
    for points, cents in ((300, 200), (999, 666), (30_000, 20_000)):
        got = await shop.redeem(reward, member, points=points)
        assert (got.state, got.price, got.value, got.HasField("cash")) == (ISSUED, points, euros(cents), False)
    assert (await shop.balance(member)).available == 0
    discount = res.FixedDiscount(value=euros(20_000))
    with pytest.raises(InvalidRequestError) as refused:
        await shop.reward("off", price=30_000, codes=["CODE-1"], fixed_discount=discount, points_range=steps)
    assert [violation.field for violation in refused.value.violations] == ["reward.points_range"]


async def test_what_is_not_paid_yet_is_called_off_and_takes_nothing(shop: Shop) -> None:
    card = await shop.reward("card", price=1000, codes=["CODE-1"], points_range=STEPS)
    member = await shop.member(1000)
    waiting = await shop.redeem(card, member, "card", points=400)
    called_off = await shop.cancel(waiting.name, "no")
    assert (called_off.state, called_off.failure.reason) == (FAILED, "CALLED_OFF")
    assert await shop.cancel(waiting.name, "no") == called_off
    with pytest.raises(RefusedError) as refused:
        await shop.redeem(card, member, "card", points=400)
    assert refused.value.reason == "CALLED_OFF"
    assert (await refused_payment(shop, waiting.name)).reason == "NOT_AWAITING_PAYMENT"
    balance = await shop.balance(member)
    assert ((balance.available, balance.held), await shop.left(card)) == ((1000, 0), 1)
    assert (await shop.redeem(card, member)).code == "CODE-1"


async def test_paid_and_called_off_at_once_one_of_them_wins(shop: Shop) -> None:
    card = await shop.reward("card", price=100, codes=[f"CODE-{n}" for n in range(4)], cash=euros(450))
    member = await shop.member(400)
    waiting = [await shop.redeem(card, member) for _ in range(4)]
    await asyncio.gather(
        *[shop.cancel(one.name) for one in waiting],
        *[shop.pay(one.name, cash=euros(450)) for one in reversed(waiting)],
        return_exceptions=True,
    )
    ended = await shop.redemptions(member)
    assert {one.state for one in ended} <= {res.REDEMPTION_STATE_FULFILLED, FAILED}
    assert all((one.state == FAILED) == (one.payment == "") for one in ended)
    got = [one for one in ended if one.state != FAILED]
    balance = await shop.balance(member)
    assert ((balance.available, balance.held), await shop.left(card)) == ((400 - 100 * len(got), 0), 4 - len(got))


async def test_the_money_is_the_redemptions_to_the_cent_and_has_a_name(shop: Shop, world: World) -> None:
    kettle = await shop.reward("kettle", price=10, stock=1, cash=euros(450))
    waiting = await shop.redeem(kettle, await shop.member(10))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"cash": euros(449)}, "cash"),
        ({"cash": Cash(minor_units=450, currency_code="USD")}, "cash"),
        ({"payment": "x" * 101}, "payment"),
        ({"payment": "a\nb"}, "payment"),
    ]
    for changes, field in wrong:
        refusal = await refused_payment(shop, waiting.name, **changes)
        assert isinstance(refusal, InvalidRequestError)
        assert [violation.field for violation in refusal.violations] == [field]
    till = world.client(world.catalog, world.identity.token(scopes=["rewards.redemptions.write"]))
    with pytest.raises(PermissionDeniedError):
        await till.rewards.ConfirmPayment(
            pb.ConfirmPaymentRequest(name=waiting.name, payment="ch_1", cash=euros(450), request_id=new_request_id())
        )
    assert (await shop.pay(waiting.name, cash=euros(450))).state == ISSUED


async def test_a_redemption_keeps_the_money_of_its_version(shop: Shop) -> None:
    kettle = await shop.reward("kettle", price=1000, stock=9, points_range=STEPS)
    waiting = await shop.redeem(kettle, await shop.member(400), points=400)
    changed = await shop.update(kettle, "points_range", cash=euros(5))
    assert (changed.version, changed.cash, changed.HasField("points_range")) == (2, euros(5), False)
    before = await shop.catalog.rewards.GetReward(pb.GetRewardRequest(name=kettle, version=1))
    assert (before.reward.HasField("cash"), before.reward.points_range) == (False, STEPS)
    assert (await shop.pay(waiting.name, cash=euros(450))).state == ISSUED
    with pytest.raises(InvalidRequestError) as refused:
        await shop.update(kettle, points_range=res.PointsRange(min_points=450, step_points=100, step_cash=euros(1)))
    assert [violation.field for violation in refused.value.violations] == ["reward.points_range.step_points"]
