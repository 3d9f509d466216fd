"""Points that go back for what was handed over: exact, at most the price, as the version that was redeemed allows."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import GuerdonError, InvalidRequestError, PermissionDeniedError, RefusedError
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from tests.contract.rewards_catalog.world import Shop, World

FULFILLED, REFUNDED = res.REDEMPTION_STATE_FULFILLED, res.REDEMPTION_STATE_REFUNDED
PARTIAL, WHOLE = res.REFUND_POLICY_PARTIAL, res.REFUND_POLICY_WHOLE


async def handed_over(shop: Shop, reward: str, account: str) -> res.Redemption:
    return await shop.fulfil((await shop.redeem(reward, account)).name)


async def refused_with(shop: Shop, redemption: str, points: int = 0) -> tuple[str, dict[str, str]]:
    with pytest.raises(RefusedError) as refused:
        await shop.refund(redemption, points)
    return refused.value.reason, dict(refused.value.metadata)


async def test_parts_go_back_until_the_price_is_reached_and_then_the_limit_counts_it_no_more(shop: Shop) -> None:
    mug = await shop.reward(price=100, stock=5, limit=1, limit_in_all=1, refund_policy=PARTIAL)
    member = await shop.member(250)
    redemption = await handed_over(shop, mug, member)
    first = await shop.refund(redemption.name, 30, "scratched")
    assert (first.state, first.refunded_points) == (FULFILLED, 30)
    assert await shop.refund(redemption.name, 30, "scratched") == first
    remaining = {"redemption": redemption.name, "requested": "71", "remaining": "70"}
    assert await refused_with(shop, redemption.name, 71) == ("OVER_REFUND", remaining)
    with pytest.raises(GuerdonError) as refused:
        await shop.redeem(mug, member)
    assert refused.value.reason == "ACCOUNT_LIMIT"
    rest = await shop.refund(redemption.name)
    assert (rest.state, rest.refunded_points) == (REFUNDED, 100)
    assert rest.refund_transaction not in {"", first.refund_transaction}
    assert (await refused_with(shop, redemption.name))[0] == "ALREADY_CANCELLED"
    assert await shop.spent(member) == [70, 30, -100]
    assert await shop.left(mug) == 4
    assert (await shop.redeem(mug, member)).state == res.REDEMPTION_STATE_ISSUED
    assert await shop.verified() == []


async def test_a_refund_follows_the_version_that_was_redeemed_whatever_the_reward_says_now(shop: Shop) -> None:
    mug, member = await shop.reward(price=100, stock=5), await shop.member(1000)
    final = await handed_over(shop, mug, member)
    await shop.update(mug, refund_policy=WHOLE, refund_days=14)
    returnable = await handed_over(shop, mug, member)
    await shop.update(mug, refund_policy=PARTIAL)
    assert (await refused_with(shop, final.name))[0] == "REFUND_NOT_ALLOWED"
    assert (await refused_with(shop, returnable.name, 99))[0] == "PARTIAL_REFUND_NOT_ALLOWED"
    assert (await shop.refund(returnable.name)).state == REFUNDED
    assert (await shop.balance(member)).available == 900


async def test_only_what_was_handed_over_is_refunded_and_a_code_never(shop: Shop) -> None:
    mug, member = await shop.reward(price=10, stock=5, refund_policy=WHOLE), await shop.member(100)
    issued = await shop.redeem(mug, member)
    assert (await refused_with(shop, issued.name))[0] == "REDEMPTION_NOT_FULFILLED"
    card = await shop.reward("card", price=10, codes=["CODE-1"])
    redeemed = await shop.redeem(card, member)
    assert (await refused_with(shop, redeemed.name))[0] == "REFUND_NOT_ALLOWED"
    for changes in ({"refund_policy": WHOLE}, {"refund_days": -1}):
        with pytest.raises(InvalidRequestError):
            await shop.update(card, **changes)
    with pytest.raises(InvalidRequestError):
        await shop.refund(issued.name, -1)


async def test_asked_for_many_times_at_once_the_parts_never_exceed_the_price(shop: Shop) -> None:
    mug, member = await shop.reward(price=100, stock=1, refund_policy=PARTIAL), await shop.member(100)
    redemption = await handed_over(shop, mug, member)

    async def insist(request_id: str) -> str:
        while True:
            try:
                await shop.refund(redemption.name, 30, request_id)
            except GuerdonError as error:
                if error.reason != "REDEMPTION_IN_PROGRESS":
                    return error.reason
            else:
                return ""

    outcomes = await asyncio.gather(*[insist(f"part-{number}") for number in range(6)])
    assert sorted(outcomes) == ["", "", "", "OVER_REFUND", "OVER_REFUND", "OVER_REFUND"]
    assert (await shop.balance(member)).available == 90
    assert await shop.spent(member) == [30, 30, 30, -100]


async def test_whoever_redeems_may_not_refund(shop: Shop, world: World) -> None:
    till = world.client(world.catalog, world.identity.token(scopes=["rewards.redemptions.write"]))
    with pytest.raises(PermissionDeniedError):
        await till.rewards.RefundRedemption(
            pb.RefundRedemptionRequest(name=f"{shop.program}/redemptions/rd-1", request_id="refund")
        )
