"""Points of purchases that can still come back are not exchanged, whoever keeps the receiver's points."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable

import pytest

from guerdon import RefusedError
from tests.integration.locking.conftest import Shop
from tests.integration.locking.doings import LONG_AGO, buys, exchange, open_catalog, redeem


async def test_locked_points_are_not_exchanged_until_the_window_closes(shop: Shop) -> None:
    own, hosted, remote = await shop.brands()
    await buys(shop, "old", 50, LONG_AGO)
    await buys(shop, "new", 100)
    for other, destination in ((hosted, await hosted.member()), (remote, "m-remote")):
        quote = await own.quote(f"{own.program}/accounts/m-ada", other, destination, send=51)
        with pytest.raises(RefusedError) as refusal:
            await own.execute(quote)
        available = (await shop.purchases.balance("ada")).available
        told = {"required": 51, "available": available, "locked": 100, "missing": 151 - available}
        assert refusal.value.reason == "POINTS_LOCKED"
        assert dict(refusal.value.metadata) == {name: str(number) for name, number in told.items()}
        assert await exchange(own, other, destination, 25) == ""
    assert (await shop.purchases.balance("ada")).available == 100
    shop.mall.move_clocks(LONG_AGO)
    assert await exchange(own, hosted, await hosted.member(), 100) == ""


async def test_exchanges_cash_and_goods_at_once_leave_what_is_locked_and_take_all_that_is_not(shop: Shop) -> None:
    await open_catalog(shop)
    own, hosted, remote = await shop.brands()
    await buys(shop, "old", 60, LONG_AGO)
    destination = await hosted.member()
    asked: list[Awaitable[object]] = [exchange(own, hosted, destination, 5) for _ in range(4)]
    asked += [exchange(own, remote, "m-remote", 10) for _ in range(2)]
    asked += [buys(shop, f"p{number}", 20) for number in range(4)]
    random.Random(11).shuffle(asked)
    answers = await asyncio.gather(*asked)
    assert not any(answers)  # each was asked for anew as often as the account changed
    assert (await shop.purchases.balance("ada")).available == 60 + 80 - 40

    out, cash, goods = await asyncio.gather(
        exchange(own, hosted, destination, 20), redeem(shop, "cash", 20), redeem(shop, "mug-60")
    )
    assert goods == ""  # there is always enough for them
    assert sorted([out, cash]) in (["", "POINTS_LOCKED"], ["POINTS_LOCKED", "POINTS_LOCKED"])
