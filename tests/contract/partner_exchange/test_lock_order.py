"""What writes at the same time takes its locks in one order, so that none waits for another in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from guerdon import RefusedError
from guerdon.exchange.v1 import disputes_pb2
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.test_disputes import answered, disputed, resolved
from tests.contract.partner_exchange.world import Coalition, World

FREE = {
    table: f"select count(*) from (select from {table} where coalition = $1 for update skip locked) as free"
    for table in ("exchanges", "reversals", "disputes")
}
"""How many rows nobody holds, by table: names of this file."""
# Not by pg_stat_activity: a transaction goes on seeing the connections that there were when it first looked.
WAITING = """
select count(distinct waiting.pid) from pg_locks as waiting inner join pg_locks as held using (pid)
where not waiting.granted and held.database = (select oid from pg_database where datname = current_database())
"""


@pytest.fixture
async def connection(world: World) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(world.exchange.database.owner_url)
    yield opened
    await opened.close()


async def test_who_waits_for_the_fence_of_a_window_holds_nothing_that_another_one_waits_for(
    coalition: Coalition, connection: asyncpg.Connection
) -> None:
    """With somebody between them who closes the window, two of them would wait for each other: an exchange that is
    committed, a reversal, an adjustment.
    """
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    back, wrong = [await one.execute(await one.quote(source, other, destination, send=10)) for _ in range(2)]
    dispute = await answered(other, await disputed(one, wrong))
    quote = await one.quote(source, other, destination, send=10)
    adjustment = disputes_pb2.Adjustment(payer_id=one.id, minor_units=5)
    coalition_id = coalition.name.partition("/")[2]

    async def all_wait() -> bool:
        waiting: int = await connection.fetchval(WAITING)
        return waiting == 3

    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(window_fence($1))", coalition_id)
        calls = [
            asyncio.create_task(one.execute(quote)),
            asyncio.create_task(coalition.reverse(back)),
            asyncio.create_task(resolved(coalition, dispute, adjust=adjustment)),
        ]
        await wait_until(all_wait)
        free = {table: await connection.fetchval(query, coalition_id) for table, query in FREE.items()}
    await asyncio.gather(*calls)
    assert free == {"exchanges": 3, "reversals": 1, "disputes": 1}
    assert await coalition.net_debit(one) == 25


async def test_what_is_begun_with_a_partner_at_the_moment_it_leaves_waits_and_is_refused(
    coalition: Coalition, connection: asyncpg.Connection
) -> None:
    one, other = await coalition.pair("1", "1")
    sent = await one.execute(await one.quote(await one.member(100), other, await other.member(), send=10))

    async def both_wait() -> bool:
        waiting: int = await connection.fetchval(WAITING)
        return waiting == 2

    async with connection.transaction():
        await connection.execute("update partners set state = 'LEFT' where partner = $1", other.id)
        calls = [asyncio.create_task(call) for call in (disputed(one, sent), coalition.reverse(sent))]
        await wait_until(both_wait)
    for refused in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(refused, RefusedError)
        assert (refused.reason, refused.metadata["state"]) == ("PARTNER_NOT_LIVE", "LEFT")


async def test_a_partner_that_leaves_at_the_moment_a_dispute_is_begun_waits_for_it(
    coalition: Coalition, connection: asyncpg.Connection
) -> None:
    """As `OpenDispute` holds both sides, whoever lets one go finds the dispute."""
    one, other = await coalition.pair("1", "1")
    sent = await one.execute(await one.quote(await one.member(100), other, await other.member(), send=10))
    async with connection.transaction():
        await connection.execute("lock table disputes in share mode")  # the dispute is about to be written
        begun = asyncio.create_task(disputed(one, sent))

        async def waits() -> bool:
            waiting: int = await connection.fetchval(WAITING)
            return waiting == 1

        await wait_until(waits)
        held = "select partner from partners where partner = any($1::text[]) for no key update skip locked"
        assert await connection.fetch(held, [one.id, other.id]) == []
    await begun
