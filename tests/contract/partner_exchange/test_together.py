"""What is asked for at the same time is done together, and each of it is answered as if it were alone."""

from __future__ import annotations

import asyncio
from collections import Counter

import asyncpg
from google.protobuf.duration_pb2 import Duration

from guerdon import GuerdonError
from guerdon.exchange.v1 import limits_pb2, rates_pb2
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.test_two_people import WAITING
from tests.contract.partner_exchange.world import Brand, Coalition, World


async def outcome(exchange: asyncio.Future[res.Exchange]) -> str:
    try:
        return res.ExchangeState.Name((await exchange).state).removeprefix("EXCHANGE_STATE_")
    except GuerdonError as refusal:
        return refusal.reason


async def executed_together(world: World, brand: Brand, asked: list[tuple[res.Quote | str, str]]) -> list[str]:
    """What becomes of quotes that are executed while the first one of them waits for its lock."""
    connection = await asyncpg.connect(world.exchange.database.owner_url)

    async def one_waits() -> bool:
        return bool(await connection.fetchval(WAITING))

    try:
        async with connection.transaction():
            await connection.execute("lock table quotes in exclusive mode")
            executed = [asyncio.ensure_future(brand.execute(*asked[0]))]
            await wait_until(one_waits)
            executed += [asyncio.ensure_future(brand.execute(*each)) for each in asked[1:]]
            await brand.exchanges()  # on the same connection: those before it are there
    finally:
        await connection.close()
    return [await outcome(each) for each in executed]


async def test_what_is_executed_together_is_held_against_limits_and_answered_one_by_one(
    coalition: Coalition, world: World
) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    bonus = rates_pb2.ThresholdBonus(threshold=10, points=5, cap=5, cap_period=rates_pb2.BONUS_PERIOD_DAY)
    await coalition.publish(one.to(other, "1", bonus=bonus))
    destination = await other.member()

    async def quotes(count: int, *, points: int = 50, send: int = 9) -> list[res.Quote]:
        member = await one.member(points)
        return [await one.quote(member, other, destination, send=send) for _ in range(count)]

    often, capped, plain = await quotes(4), await quotes(2, send=10), await quotes(3)
    [poor] = await quotes(1, points=8)
    await one.execute(plain[0], "before")
    velocity = limits_pb2.Velocity(exchanges=2, within=Duration(seconds=600))
    await coalition.limit(one, member_velocity=velocity, total=limits_pb2.Caps(daily_exchanges=7))
    asked: list[tuple[res.Quote | str, str]] = [(often[0], ""), (plain[0], "before"), (plain[0], "after")]
    asked += [(plain[1], "twice"), (plain[1], "twice"), (f"{one.name}/quotes/qt-none", ""), (poor, "")]
    asked += [(quote, "") for quote in (*often[1:], *capped)]
    first, before, after, *twice, unknown, short = (became := await executed_together(world, one, asked))[:7]
    assert (first, before, after) == ("COMMITTED", "COMMITTED", "QUOTE_USED")
    assert (twice, unknown, short) == (["COMMITTED", "COMMITTED"], "NOT_FOUND", "INSUFFICIENT_POINTS")
    assert Counter(became[7:10]) == {"COMMITTED": 1, "VELOCITY_LIMIT": 2}
    assert Counter(became[10:]) == {"COMMITTED": 1, "BONUS_CAP_REACHED": 1}
    committed = [each for each in await one.exchanges() if each.state == res.EXCHANGE_STATE_COMMITTED]
    assert [each.received_amount for each in committed].count(9) == len(committed) - 1 == 4
    assert await other.posted(destination) == 4 * 9 + 15 == await coalition.net_debit(one)
    assert await one.exchanged_with(other) == 4 * 9 + 10
    # What was refused is counted nowhere: of seven a day five are done.
    rest = [(quote, "") for quote in await quotes(2)] + [(quote, "") for quote in await quotes(2)]
    assert Counter(await executed_together(world, one, list(rest))) == {"COMMITTED": 2, "DAILY_LIMIT": 2}
    await world.verify()
