"""Rewards that are given, over the service: they take stock and codes as what is bought does, and no points."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import InvalidRequestError, NotFoundError, PermissionDeniedError, RefusedError, new_request_id
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from tests.contract.rewards_catalog.counter import set_terms
from tests.contract.rewards_catalog.world import Shop, World

ISSUED, FULFILLED = res.REDEMPTION_STATE_ISSUED, res.REDEMPTION_STATE_FULFILLED


async def give(shop: Shop, reward: str, account: str = "m-ada", request_id: str = "") -> res.Redemption:
    request = pb.GrantRewardRequest(
        reward=reward, account=f"{shop.program}/accounts/{account}", request_id=request_id or new_request_id()
    )
    return (await shop.catalog.rewards.GrantReward(request)).redemption


async def cancel(shop: Shop, redemption: str) -> res.Redemption:
    request = pb.CancelRedemptionRequest(name=redemption, request_id=new_request_id())
    return (await shop.catalog.rewards.CancelRedemption(request)).redemption


async def test_a_code_is_given_once_for_nothing_and_called_off_while_it_was_not_used(shop: Shop) -> None:
    codes = [f"CODE-{number}" for number in range(2)]
    reward = await shop.reward("shipping", codes=codes)
    await set_terms(shop, reward, cancellable=True)
    request_id = new_request_id()
    first, again = await asyncio.gather(*(give(shop, reward, request_id=request_id) for _ in range(2)))
    assert first == again, "one request, sent twice at once"
    assert (first.state, first.price, first.code in codes) == (FULFILLED, 0, True)
    other = await give(shop, reward, "m-ben")
    assert {first.code, other.code} == {*codes}
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await give(shop, reward, "m-cleo")
        assert refused.value.reason == "OUT_OF_STOCK"
    called_off = await cancel(shop, first.name)
    assert called_off.state == res.REDEMPTION_STATE_REFUNDED
    with pytest.raises(RefusedError) as refused:
        await cancel(shop, first.name)
    assert refused.value.reason == "ALREADY_CANCELLED"
    assert await shop.verified() == []


async def test_what_is_given_counts_for_limits_and_is_not_refunded(shop: Shop) -> None:
    mug = await shop.reward("mug", stock=2, limit=1, price=500, refund_policy=res.REFUND_POLICY_WHOLE)
    given = await give(shop, mug)
    assert given.state == ISSUED
    with pytest.raises(RefusedError) as refused:
        await give(shop, mug)
    assert refused.value.reason == "ACCOUNT_LIMIT"
    await shop.catalog.rewards.FulfilRedemption(
        pb.FulfilRedemptionRequest(name=given.name, request_id=new_request_id())
    )
    with pytest.raises(RefusedError) as refused:
        await shop.catalog.rewards.RefundRedemption(
            pb.RefundRedemptionRequest(name=given.name, request_id=new_request_id())
        )
    assert refused.value.reason == "REFUND_NOT_ALLOWED"


async def test_who_may_redeem_may_not_give_and_nothing_that_is_not_there_is_given(world: World, shop: Shop) -> None:
    mug = await shop.reward("mug", stock=1)
    for_gold = await shop.reward("lounge", unlimited=True, audience=res.Groups(tiers=["gold"]))
    assert (await give(shop, for_gold)).state == ISSUED, "who gives it says whom it is for"
    draft = await shop.reward("draft", stock=1, activate=False)
    with pytest.raises(RefusedError) as refused:
        await give(shop, draft)
    assert refused.value.reason == "REWARD_NOT_ACTIVE"
    with pytest.raises(NotFoundError):
        await give(shop, f"{shop.program}/rewards/none")
    with pytest.raises(InvalidRequestError):
        await shop.catalog.rewards.GrantReward(
            pb.GrantRewardRequest(reward=mug, account="programs/other/accounts/m-ada", request_id=new_request_id())
        )
    clerk = world.client(world.catalog, world.identity.token(scopes=["rewards.redemptions.write"]))
    with pytest.raises(PermissionDeniedError):
        await give(Shop(shop.program, shop.books, clerk), mug)
