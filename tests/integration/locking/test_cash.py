"""Points of purchases that can still come back are spent on goods, and do not become cash: whoever asks when."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import RefusedError, UnavailableError, new_request_id
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.membership.people import merge
from tests.contract.membership.test_rules import make
from tests.contract.rewards_catalog.wallets import cashback, open_budget, wallet_of
from tests.integration.locking.conftest import Shop
from tests.integration.locking.doings import GOODS, LONG_AGO, buys, exchange, open_catalog, redeem, to_go

STEPS = 60


async def test_locked_points_buy_goods_and_neither_cash_nor_a_gift_card_until_the_window_closes(shop: Shop) -> None:
    await open_catalog(shop)
    await buys(shop, "old", 50, LONG_AGO)
    await buys(shop, "new", 100)
    with pytest.raises(RefusedError) as refusal:
        await shop.rewards.redeem(
            f"{shop.rewards.program}/rewards/cash", f"{shop.rewards.program}/accounts/m-ada", points=51
        )
    told = {"required": "51", "available": "150", "locked": "100", "missing": "1"}
    assert (refusal.value.reason, dict(refusal.value.metadata)) == ("POINTS_LOCKED", told)
    assert await to_go(shop) == {"cash": 0, "card": 0, "mug-60": 0}
    [failed] = await shop.rewards.redemptions()
    assert (failed.state, failed.failure.reason) == (res.REDEMPTION_STATE_FAILED, "POINTS_LOCKED")
    assert [await redeem(shop, "cash", 30), await redeem(shop, "card"), await redeem(shop, "mug-60")] == [
        "",
        "POINTS_LOCKED",
        "",
    ]
    await shop.purchases.bring_back("r", "new", 100_00)
    assert (await shop.purchases.balance("ada")).available == -40
    await buys(shop, "newer", 75)
    assert await redeem(shop, "card") == "POINTS_LOCKED"
    assert await to_go(shop) == {"cash": 41, "card": 70, "mug-60": 25}
    shop.mall.move_clocks(LONG_AGO)
    assert (await redeem(shop, "card"), await redeem(shop, "cash", 5)) == ("", "")
    assert (await shop.purchases.balance("ada")).available == 0


async def test_what_is_bought_while_cash_is_asked_for_does_not_become_cash(shop: Shop) -> None:
    """Between the question to membership and the one to the ledger more comes in, and goes out."""
    await open_catalog(shop)
    await buys(shop, "old", 60, LONG_AGO)

    async def insist(points: int) -> str:
        while True:
            try:
                return await redeem(shop, "cash", points)
            except UnavailableError:
                continue

    asked = [insist(10) for _ in range(12)]
    bought = [buys(shop, f"p{number}", 20) for number in range(8)]
    spent = [redeem(shop, "mug-5") for _ in range(4)]
    mixed: list[object] = [*asked, *bought, *spent]
    random.Random(7).shuffle(mixed)
    answers = await asyncio.gather(*mixed)  # type: ignore[call-overload]  # a mixed list of awaitables
    assert {answer for answer in answers if answer} <= {"POINTS_LOCKED", "INSUFFICIENT_POINTS"}
    had = [one for one in await shop.rewards.redemptions() if one.state == res.REDEMPTION_STATE_ISSUED]
    cash = sum(one.value.minor_units for one in had)
    goods = sum(one.price for one in had) - cash
    assert (await shop.purchases.balance("ada")).available == 60 + 160 - cash - goods
    assert cash <= 60, "locked points became cash"
    # What was refused for want of a moment can be had now, and no more than that.
    free = 60 - cash - goods
    assert [await redeem(shop, "cash", free + 1), await redeem(shop, "cash", free) if free > 0 else ""] == [
        "POINTS_LOCKED",
        "",
    ]
    assert await shop.rewards.verified() == []


async def test_whatever_is_bought_brought_back_and_spent_what_can_come_back_is_left_by_cash(shop: Shop) -> None:
    await open_catalog(shop)
    own, hosted, remote = await shop.brands()
    accounts = [(hosted, await hosted.member()), (remote, "m-remote")]
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    chance = random.Random(seed)
    available, locked = 0, dict[str, int]()
    for step in range(STEPS):
        match chance.choice(["buy", "buy", "old", "back", "goods", "cash", "exchange"]):
            case "buy":
                points = chance.randint(1, 60)
                await buys(shop, f"p{step}", points)
                locked[f"p{step}"], available = points, available + points
            case "old":
                points = chance.randint(1, 40)
                await buys(shop, f"p{step}", points, LONG_AGO)
                available += points
            case "back" if locked:
                purchase = chance.choice(sorted(locked))
                points = chance.randint(1, locked[purchase])
                await shop.purchases.bring_back(f"r{step}", purchase, points * 100)
                locked[purchase], available = locked[purchase] - points, available - points
                locked = {one: left for one, left in locked.items() if left}
            case "goods":
                price = chance.choice(GOODS)
                refusal = await redeem(shop, f"mug-{price}")
                assert refusal == ("" if price <= available else "INSUFFICIENT_POINTS")
                available -= 0 if refusal else price
            case "cash" | "exchange" as way:
                free = available - sum(locked.values())
                points = max(6, free + chance.randint(-3, 3))  # of fewer the sandbox makes other things
                if way == "cash":
                    refusal = await redeem(shop, "cash", points)
                else:
                    other, account = chance.choice(accounts) if points < 100 else accounts[0]
                    refusal = await exchange(own, other, account, points)
                if points > available:
                    assert refusal == "INSUFFICIENT_POINTS"
                else:
                    assert refusal == ("" if available - points >= sum(locked.values()) else "POINTS_LOCKED")
                available -= 0 if refusal else points
        assert (await shop.purchases.balance("ada")).available == available
    await buys(shop, "last", max(1, 1 - available))
    available += max(1, 1 - available)
    shop.mall.move_clocks(LONG_AGO)
    assert await redeem(shop, "cash", available) == ""
    assert (await shop.purchases.balance("ada")).available == 0


async def test_where_membership_does_not_tell_nothing_is_begun(shop: Shop) -> None:
    await open_catalog(shop)
    await buys(shop, "old", 60, LONG_AGO)
    reward, account = (f"{shop.rewards.program}/{one}" for one in ("rewards/cash", "accounts/m-ada"))
    owner = await asyncpg.connect(shop.mall.membership.database.owner_url)
    try:
        async with owner.transaction():
            await owner.execute("lock table purchases")  # so that membership waits, and answers nobody
            asked = pb.RedeemRequest(reward=reward, account=account, points=10, request_id="silence")
            with pytest.raises(UnavailableError):
                await shop.rewards.catalog.rewards.Redeem(asked, timeout=1)
            assert await redeem(shop, "mug-20") == ""  # goods ask nobody
    finally:
        await owner.close()
    assert [one.price for one in await shop.rewards.redemptions()] == [20]
    assert await redeem(shop, "cash", 10) == ""


async def test_cashback_of_a_member_who_was_merged_is_taken_from_the_survivors_wallet(shop: Shop) -> None:
    await open_budget(shop.rewards)
    reward = await cashback(shop.rewards, refund_policy=res.REFUND_POLICY_WHOLE)
    await make(shop.purchases, "cash", bonus_points=1, unit=f"{shop.rewards.program}/units/cash")
    await shop.purchases.enroll("ben")
    await buys(shop, "old", 1_000, LONG_AGO)
    soon = Timestamp(seconds=int(time.time()) + 60)
    await shop.purchases.buy("new", "ada", 100, soon)  # so that ada's wallet is one that rules give to
    ada, ben = (f"{shop.rewards.program}/accounts/m-{one}" for one in ("ada", "ben"))
    done = await shop.rewards.redeem(reward, ada, wallet=wallet_of(ada))
    assert (await shop.rewards.balance(wallet_of(ada))).available == 9_99 + 1
    await merge(shop.purchases, "ada", "ben")

    async def has(cents: int, points: int) -> bool:
        balances = [(await shop.rewards.balance(one)).available for one in (wallet_of(ben), ben)]
        return balances == [cents, points]

    await wait_until(lambda: has(10_00, 1))
    request = pb.RefundRedemptionRequest(name=done.name, request_id=new_request_id())
    back = (await shop.rewards.catalog.rewards.RefundRedemption(request)).redemption
    assert (back.state, back.wallet) == (res.REDEMPTION_STATE_REFUNDED, wallet_of(ben))
    shop.mall.move_clocks(timedelta(days=1))  # the old account is looked at now and then for what comes to it
    await wait_until(lambda: has(1, 1_001))
