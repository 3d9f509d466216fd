"""Killed at any moment, a cashback is paid into the wallet once, and goes back once."""

from __future__ import annotations

import asyncio

import pytest

from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from tests.contract.rewards_catalog.wallets import cashback, open_budget, wallet_of
from tests.contract.rewards_catalog.world import Shop
from tests.integration.rewards_catalog.conftest import Fallible
from tests.integration.rewards_catalog.test_crashes import (
    WALLETS,
    all_at_rest,
    id_of,
    long_lived_workers,  # noqa: F401 - a fixture
)

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

PAID, HELD, TAKEN = WALLETS
BACK = (HELD, "spend reversed", TAKEN)


@pytest.mark.usefixtures("long_lived_workers")
async def test_killed_at_each_moment_a_wallet_is_paid_once_and_gives_back_once(fallible: Fallible, shop: Shop) -> None:
    await open_budget(shop)
    reward = await cashback(shop, refund_policy=res.REFUND_POLICY_WHOLE)
    for moment, account in zip(BACK, await shop.crowd(len(BACK), 1_000), strict=True):
        wallet = wallet_of(account)
        request = pb.RedeemRequest(reward=reward, account=account, wallet=wallet, request_id=id_of(account))
        if moment is HELD:
            await fallible.kill_catalog_at(PAID, "Redeem", request)
            await all_at_rest(shop)
        done = await shop.redeem(reward, account, id_of(account), wallet=wallet)
        assert done.state == res.REDEMPTION_STATE_FULFILLED
        assert [(await shop.balance(one)).available for one in (account, wallet)] == [0, 9_99]
        refund = pb.RefundRedemptionRequest(name=done.name, request_id=id_of(account))
        await fallible.kill_catalog_at(moment, "RefundRedemption", refund)
        await all_at_rest(shop)
        assert (await shop.redemption(done.name)).state == res.REDEMPTION_STATE_REFUNDED
        left = await shop.balance(wallet)
        assert ((await shop.balance(account)).available, left.available, left.held) == (1_000, 0, 0)
    assert await shop.verified() == []


async def test_the_same_request_finds_the_redemption_whose_points_are_on_their_way_back(
    fallible: Fallible, shop: Shop
) -> None:
    await open_budget(shop)
    reward, ada, closed = await cashback(shop), await shop.member(2_000), await shop.member(unit="cash")
    await shop.close_account(closed)
    request = pb.RedeemRequest(reward=reward, account=ada, wallet=closed, request_id="once")
    fallible.kill_ledger_at("FULFILMENT_FAILED failing")
    for _ in range(2):
        unfinished = await fallible.ask("Redeem", request)
        assert unfinished is not None
        assert unfinished.reason == "REDEMPTION_UNFINISHED"
    await asyncio.to_thread(fallible.ledger.process.restart)
    [redemption] = await all_at_rest(shop)
    assert (redemption.state, redemption.failure.reason) == (res.REDEMPTION_STATE_REFUNDED, "CREDIT_REFUSED")
    assert (await shop.balance(ada)).available == 2_000
    again = await fallible.ask("Redeem", request)  # what failed may pass later: it is tried anew
    assert again is not None
    assert again.reason == "CREDIT_REFUSED"
    assert len(await shop.redemptions()) == 2
