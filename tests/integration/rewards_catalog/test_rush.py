"""Many redeemers of the last pieces: exactly as many succeed as there are, and the others keep their points."""

from __future__ import annotations

import asyncio

import pytest

from guerdon.rewards.v1 import resources_pb2 as res
from tests.contract.rewards_catalog.world import Shop

REDEEMERS, LAST = 120, 12
"""1,000 redeemers of the last 100 take 10 to 20 seconds on two busy cores, and end the same."""


@pytest.mark.parametrize("kind", ["stock", "codes"])
async def test_of_many_redeemers_of_the_last_pieces_exactly_so_many_succeed_and_the_others_keep_their_points(
    shop: Shop, kind: str
) -> None:
    codes = [f"CODE-{number}" for number in range(LAST)] if kind == "codes" else []
    reward = await shop.reward("rush", price=100, stock=0 if codes else LAST, codes=codes)
    accounts = await shop.crowd(REDEEMERS, 100)

    outcomes = await asyncio.gather(*[shop.insist(reward, account) for account in accounts])
    won = [outcome for outcome in outcomes if isinstance(outcome, res.Redemption)]
    assert len(won) == LAST
    assert {outcome for outcome in outcomes if isinstance(outcome, str)} == {"OUT_OF_STOCK"}
    assert len({redemption.code for redemption in won}) == (LAST if codes else 1)
    winners = {redemption.account for redemption in won}
    for balance in await shop.balances(accounts):
        assert (balance.held, balance.available) == (0, 0 if balance.account in winners else 100)
    assert await shop.left(reward) == 0


async def test_of_40_redeemers_of_the_last_5_of_a_limit_exactly_5_succeed_and_35_keep_their_points(shop: Shop) -> None:
    reward = await shop.reward("rush", price=100, stock=40, limit_in_all=5)
    accounts = await shop.crowd(40, 100)
    outcomes = await asyncio.gather(*[shop.insist(reward, account) for account in accounts])
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["REWARD_LIMIT"] * 35
    assert sum(balance.available for balance in await shop.balances(accounts)) == 35 * 100
    assert await shop.left(reward) == 35


async def test_one_account_cannot_spend_the_same_points_on_two_rewards_at_once(shop: Shop) -> None:
    rewards = [await shop.reward(f"r{number}", price=100, stock=9) for number in range(4)]
    member = await shop.member(250)
    outcomes = await asyncio.gather(*[shop.insist(reward, member) for reward in rewards])
    refused = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert refused == ["INSUFFICIENT_POINTS"] * 2
    balance = await shop.balance(member)
    assert (balance.available, balance.held) == (50, 0)


async def test_the_limit_of_an_account_holds_when_it_redeems_many_times_at_once(shop: Shop) -> None:
    mug = await shop.reward(price=10, stock=50, limit=3)
    member = await shop.member(1000)
    outcomes = await asyncio.gather(*[shop.insist(mug, member) for _ in range(12)])
    refused = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert refused == ["ACCOUNT_LIMIT"] * 9
    assert (await shop.balance(member)).available == 970
    assert await shop.left(mug) == 47


async def test_two_tills_at_once_do_not_get_an_account_over_its_limit_of_a_month(shop: Shop) -> None:
    mug = await shop.reward(price=10, stock=50, limit_per_period=res.PeriodLimit(period=res.PERIOD_MONTH, limit=2))
    member = await shop.member(1000)
    await shop.redeem(mug, member)
    for _ in range(3):
        outcomes = await asyncio.gather(*[shop.insist(mug, member) for _ in range(2)])
        won = [outcome for outcome in outcomes if isinstance(outcome, res.Redemption)]
        assert len(won) == 1
        assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["ACCOUNT_PERIOD_LIMIT"]
        await shop.cancel(won[0].name)
    assert (await shop.balance(member)).available == 990
    assert await shop.left(mug) == 49
