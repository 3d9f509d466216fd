"""Killed at any moment, a cashback is paid into the wallet once, and goes back once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from guerdon import GuerdonError, UnavailableError
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit.clock import MovableClock, set_offset
from guerdon_kit.testing import wait_until
from rewards_catalog.domain.wallets import CREDIT_PATIENCE
from tests.contract.rewards_catalog.wallets import budget_of, cashback, limit, open_budget, wallet_of
from tests.contract.rewards_catalog.world import Shop
from tests.integration.rewards_catalog.conftest import Fallible
from tests.integration.rewards_catalog.test_crashes import (
    WALLETS,
    all_at_rest,
    id_of,
    long_lived_workers,  # noqa: F401 - a fixture
)

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

PAID, HELD, TAKEN, ENDED = WALLETS
FULFILLED, UNKNOWN = res.REDEMPTION_STATE_FULFILLED, res.REDEMPTION_STATE_FULFILMENT_UNKNOWN
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


async def owed(fallible: Fallible, shop: Shop, reward: str) -> res.Redemption:
    """A cashback whose budget was used up after its points were spent."""
    for _ in range(9):  # the recovery loop may pay it before the budget is used up
        await limit(shop, 1_000_00)
        account = await shop.member(1_000)
        used = -(await shop.balance(budget_of(shop))).posted
        request = pb.RedeemRequest(reward=reward, account=account, wallet=wallet_of(account), request_id=id_of(account))
        await fallible.strike_catalog_at("hold captured", "Redeem", request)
        with suppress(GuerdonError):
            await limit(shop, used)

        async def settled(account: str = account) -> res.Redemption | None:
            try:
                [redemption] = await shop.redemptions(account)
            except UnavailableError:
                return None
            return redemption if redemption.state in {UNKNOWN, res.REDEMPTION_STATE_FULFILLED} else None

        redemption = await wait_until(settled)
        assert redemption is not None
        if redemption.state == UNKNOWN:
            return redemption
    raise AssertionError("the budget was never used up in time")


@pytest.mark.usefixtures("long_lived_workers")
async def test_what_a_budget_owes_is_paid_once_it_is_raised(fallible: Fallible, shop: Shop) -> None:
    await open_budget(shop)
    redemption = await owed(fallible, shop, await cashback(shop))
    again = pb.RedeemRequest(
        reward=redemption.reward,
        account=redemption.account,
        wallet=redemption.wallet,
        request_id=id_of(redemption.account),
    )
    assert await fallible.ask("Redeem", again) is None, "it is answered as it is, and is on its way"
    assert (await shop.balance(redemption.account)).available == 0
    await limit(shop, 1_000_00)
    [paid] = await all_at_rest(shop, redemption.account)
    assert (paid.state, (await shop.balance(redemption.wallet)).available) == (FULFILLED, 9_99)
    assert await shop.verified() == []


@pytest.mark.usefixtures("long_lived_workers")
async def test_what_a_budget_owes_for_a_week_is_given_back_in_points_and_never_paid(
    fallible: Fallible, shop: Shop
) -> None:
    """Killed when the payment is ended in the ledger, and again when the points are to go back."""
    await open_budget(shop)
    redemption = await owed(fallible, shop, await cashback(shop))
    account, wallet = redemption.account, redemption.wallet
    request = pb.RedeemRequest(reward=redemption.reward, account=account, wallet=wallet, request_id=id_of(account))
    clock = fallible.services.clock_file
    set_offset(clock, MovableClock(clock).offset() + CREDIT_PATIENCE)
    await fallible.kill_catalog_at(ENDED, "Redeem", request, then_ledger_at="FULFILMENT_FAILED failing")
    for _ in range(2):
        unfinished = await fallible.ask("Redeem", request)
        assert unfinished is not None
        assert unfinished.reason == "REDEMPTION_UNFINISHED"
    await asyncio.to_thread(fallible.ledger.process.restart)
    [redemption] = await all_at_rest(shop, account)
    assert (redemption.state, redemption.failure.reason) == (res.REDEMPTION_STATE_REFUNDED, "CREDIT_REFUSED")
    assert redemption.failure.metadata["ledger_reason"] == "BUDGET_EXHAUSTED"
    assert (await shop.balance(account)).available == 1_000
    await limit(shop, 1_000_00)
    again = await fallible.ask("Redeem", request)  # what failed may pass later: it is tried anew
    assert again is None
    assert [(await shop.balance(one)).available for one in (account, wallet)] == [0, 9_99]
    assert await shop.verified() == []
