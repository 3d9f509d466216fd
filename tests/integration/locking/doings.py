"""What ada does: she buys, spends on goods, and asks for cash and for other brands' points."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import RefusedError, UnavailableError
from guerdon.exchange.v1 import resources_pb2 as exchange_res
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from tests.contract.partner_exchange.world import Brand
from tests.integration.locking.conftest import Shop

LONG_AGO = timedelta(days=31)
GOODS = (5, 20, 60)


def ago(by: timedelta = timedelta()) -> Timestamp:
    return Timestamp(seconds=int((datetime.now(UTC) - by).timestamp()))


def dollars(cents: int) -> Cash:
    return Cash(minor_units=cents, currency_code="USD")


async def open_catalog(shop: Shop) -> None:
    """Cash, a cent for a point; gift cards; and goods."""
    steps = res.PointsRange(min_points=1, step_points=1, step_cash=dollars(1))
    cash = res.Cashback(value=dollars(1_000))
    await shop.rewards.reward("cash", price=1_000, unlimited=True, cashback=cash, points_range=steps)
    await shop.rewards.reward("card", price=30, unlimited=True, gift_card=res.GiftCard(value=dollars(30)))
    for price in GOODS:
        await shop.rewards.reward(f"mug-{price}", price=price, unlimited=True, merchandise=res.Merchandise(sku="mug"))


async def buys(shop: Shop, purchase: str, points: int, by: timedelta = timedelta()) -> None:
    await shop.purchases.buy(purchase, "ada", points * 100, ago(by))


async def redeem(shop: Shop, reward: str, points: int = 0) -> str:
    """Why it is refused, or nothing."""
    try:
        done = await shop.rewards.redeem(
            f"{shop.rewards.program}/rewards/{reward}", f"{shop.rewards.program}/accounts/m-ada", points=points
        )
    except RefusedError as refusal:
        return refusal.reason
    assert done.state == res.REDEMPTION_STATE_ISSUED
    return ""


async def to_go(shop: Shop) -> dict[str, int]:
    """How many points ada lacks for cash, for a card and for the dearest goods, as she is shown."""
    request = pb.ListRewardsRequest(parent=shop.rewards.program, account=f"{shop.rewards.program}/accounts/m-ada")
    offers = (await shop.rewards.catalog.rewards.ListRewards(request)).offers
    found = {one.reward.name.rpartition("/")[2]: one.points_to_go for one in offers}
    request.affordable_only = True
    affordable = (await shop.rewards.catalog.rewards.ListRewards(request)).offers
    assert {one.reward.name for one in affordable} == {one.reward.name for one in offers if not one.points_to_go}
    return {reward: found[reward] for reward in ("cash", "card", "mug-60")}


async def exchange(own: Brand, other: Brand, destination: str, points: int) -> str:
    """Why it is refused, or nothing."""
    quote = await own.quote(f"{own.program}/accounts/m-ada", other, destination, send=points)
    request_id = quote.name.rpartition("/")[2]
    while True:
        try:
            done = await own.execute(quote, request_id)
        except UnavailableError:
            continue
        except RefusedError as refusal:
            return refusal.reason
        assert done.state == exchange_res.EXCHANGE_STATE_COMMITTED
        return ""
