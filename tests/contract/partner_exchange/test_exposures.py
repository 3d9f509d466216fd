"""What limits say that partners owe is what all windows that are not settled say, whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from fractions import Fraction

import asyncpg

from guerdon import GuerdonError, RefusedError
from guerdon.exchange.v1 import limits_pb2, rates_pb2, settlement_pb2
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.test_promotions import promotion
from tests.contract.partner_exchange.treasury import Treasurer
from tests.contract.partner_exchange.world import Brand, Coalition, World, rational

OWED = """
select payer, payee, points, price_numerator, price_denominator from obligations
where coalition = $1 and settlement_window > 1
"""


async def owed_by_entries(world: World, coalition: Coalition) -> Counter[str]:
    """What each partner owes less what it is owed, entry by entry, in windows after the first; in thirds of a penny."""
    connection = await asyncpg.connect(world.exchange.database.owner_url)
    try:
        rows = await connection.fetch(OWED, coalition.name.partition("/")[2])
    finally:
        await connection.close()
    owed: Counter[str] = Counter()
    for row in rows:
        due = row["points"] * Fraction(row["price_numerator"], row["price_denominator"]) * 3
        owed[row["payer"]] += int(due)
        owed[row["payee"]] -= int(due)
    return owed


async def test_exchanges_reversals_and_settlements_at_once_leave_what_partners_owe_exact(
    coalition: Coalition, world: World
) -> None:
    """In both directions, with promotions that the other two fund, fees, caps that are met, and a window that is closed
    and settled meanwhile; the seed is fixed.
    """
    chance = random.Random(43)
    one, other, funder = await coalition.brand("1/3"), await coalition.brand("2/3"), await coalition.brand()
    by = [promotion(rate=rational("1/2"), funder=brand.name) for brand in (funder, one)]
    fee = rates_pb2.Fee(fixed=3)
    await coalition.publish(
        one.to(other, "1/3", cash_fee=fee, promotions=[by[0]]), other.to(one, "1/3", promotions=[by[1]])
    )
    await coalition.limit(one, net_debit_cap=300, total=limits_pb2.Caps(daily_points=2_000))
    await coalition.limit(funder, net_debit_cap=200)
    members = [(await one.member(300), await other.member(300)) for _ in range(5)]
    done: list[res.Exchange] = []
    refusals: set[str] = set()

    async def exchange(sender: Brand, receiver: Brand, accounts: tuple[str, str]) -> None:
        try:
            quote = await sender.quote(accounts[0], receiver, accounts[1], send=chance.randrange(5, 90))
            done.append(await sender.execute(quote))
        except RefusedError as refusal:
            refusals.add(refusal.reason)

    async def trade(mine: str, theirs: str) -> None:
        for _ in range(5):
            there = chance.random() < 0.5
            await exchange(*((one, other, (mine, theirs)) if there else (other, one, (theirs, mine))))
            if done and chance.random() < 0.5:
                try:
                    await coalition.reverse(chance.choice(done), chance.choice((0, 1, 7)))
                except GuerdonError as refusal:
                    refusals.add(refusal.reason)

    treasurer = Treasurer(coalition)

    async def settle() -> None:
        await asyncio.sleep(0.2)
        await treasurer.close(1)
        for party in (one, other, funder, coalition.name):
            await treasurer.deposit(party, 10_000)
        await treasurer.settle(1)

        async def settled() -> bool:
            return (await treasurer.read(1)).state == settlement_pb2.SETTLEMENT_WINDOW_STATE_SETTLED

        await wait_until(settled)

    await asyncio.gather(settle(), *[trade(*pair) for pair in members])
    limits = {"NET_DEBIT_CAP", "DAILY_LIMIT", "INSUFFICIENT_POINTS"}
    assert refusals <= limits | {"OVER_REVERSAL", "REVERSAL_ABORTED", "REVERSAL_IN_PROGRESS"}
    assert {exchange.sender_id for exchange in done} == {one.id, other.id}
    owed = await owed_by_entries(world, coalition)
    assert {brand.id: await coalition.net_debit(brand) * 3 for brand in (one, other, funder)} == {
        brand.id: owed[brand.id] for brand in (one, other, funder)
    }
    await world.verify()
