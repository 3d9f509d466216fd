"""How often a reward may be redeemed: each limit is refused with its reason and its numbers, and nothing is taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from guerdon import GuerdonError
from guerdon.rewards.v1 import resources_pb2 as res
from tests.contract.rewards_catalog.world import Shop, World


async def refused_with(shop: Shop, reward: str, account: str, request_id: str = "") -> tuple[str, dict[str, str]]:
    """The reason and the numbers."""
    with pytest.raises(GuerdonError) as refused:
        await shop.redeem(reward, account, request_id)
    return refused.value.reason, dict(refused.value.metadata)


async def test_the_limit_in_all_counts_what_was_not_called_off_and_leaves_the_rest_of_the_stock(shop: Shop) -> None:
    mug = await shop.reward(price=10, stock=9, limit_in_all=2)
    one, other = await shop.member(100), await shop.member(100)
    first = await shop.redeem(mug, one)
    await shop.redeem(mug, other)
    numbers = {"reward": mug, "limit": "2", "used": "2"}
    assert await refused_with(shop, mug, other, "third") == ("REWARD_LIMIT", numbers)
    assert ((await shop.balance(other)).available, await shop.left(mug)) == (90, 7)
    await shop.cancel(first.name)
    assert (await shop.redeem(mug, other, "third")).state == res.REDEMPTION_STATE_ISSUED
    await shop.update(mug, "limit_in_all")
    await shop.redeem(mug, other)
    assert await shop.left(mug) == 6


async def test_the_limit_of_a_period_counts_the_accounts_own_and_says_when_the_next_one_begins(world: World) -> None:
    shop = await world.shop(time_zone="America/New_York")
    limit = res.PeriodLimit(period=res.PERIOD_MONTH, limit=1)
    mug = await shop.reward(price=10, stock=9, limit_per_period=limit)
    one, other = await shop.member(100), await shop.member(100)
    first = await shop.redeem(mug, one)
    reason, numbers = await refused_with(shop, mug, one, "second")
    assert (reason, numbers["limit"], numbers["used"], numbers["period"]) == ("ACCOUNT_PERIOD_LIMIT", "1", "1", "MONTH")
    reset = datetime.fromisoformat(numbers["reset_time"]).astimezone(ZoneInfo("America/New_York"))
    assert (reset.day, reset.hour, reset.minute) == (1, 0, 0)
    assert timedelta() < reset - datetime.now(UTC) <= timedelta(days=31, hours=1)
    assert (await shop.redeem(mug, other)).state == res.REDEMPTION_STATE_ISSUED
    await shop.cancel(first.name)
    assert (await shop.redeem(mug, one, "second")).state == res.REDEMPTION_STATE_ISSUED


async def test_a_limit_that_comes_later_counts_what_went_before(shop: Shop) -> None:
    mug, member = await shop.reward(price=10, stock=9), await shop.member(100)
    for _ in range(3):
        await shop.redeem(mug, member)
    await shop.update(mug, limit_per_account=2)
    used = {"reward": mug, "limit": "2", "used": "3"}
    assert await refused_with(shop, mug, member) == ("ACCOUNT_LIMIT", used)
    await shop.update(mug, "limit_per_account", limit_in_all=3)
    used = {"reward": mug, "limit": "3", "used": "3"}
    assert await refused_with(shop, mug, member) == ("REWARD_LIMIT", used)
    month = res.PeriodLimit(period=res.PERIOD_MONTH, limit=3)
    await shop.update(mug, "limit_in_all", limit_per_period=month)
    assert (await refused_with(shop, mug, member))[0] == "ACCOUNT_PERIOD_LIMIT"
    assert ((await shop.balance(member)).available, await shop.left(mug)) == (70, 6)
