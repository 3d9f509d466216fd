"""What quotes and exchanges are made by is kept between calls, and nobody is served by what has changed since."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from google.protobuf.message import Message

from guerdon import RefusedError, new_request_id
from guerdon.exchange.v1 import limits_pb2 as limits
from guerdon_kit.postgres import Database
from guerdon_kit.testing import RunningService, wait_until
from partner_exchange.operations.markets import Markets
from tests.contract.partner_exchange.test_two_people import WAITING
from tests.contract.partner_exchange.world import Brand, Coalition


async def test_each_change_holds_for_the_very_next_quote(coalition: Coalition) -> None:
    one, other = await coalition.pair("1/2", "2")
    source, destination = await one.member(1_000), await other.member()

    async def received() -> int:
        return (await one.quote(source, other, destination, send=100)).received_amount

    async def refused() -> str:
        with pytest.raises(RefusedError) as refusal:
            await received()
        return refusal.value.reason

    assert await received() == 50
    await _pause(coalition, one, other)
    assert await refused() == "CORRIDOR_PAUSED"
    await _resume(coalition, one, other)
    assert await received() == 50
    await coalition.publish(one.to(other, "12/25"), other.to(one, "2"))
    assert await received() == 48
    await coalition.move(other, suspend=True)
    assert await refused() == "PARTNER_SUSPENDED"
    await coalition.move(other, suspend=False)
    assert await received() == 48
    await coalition.limit(one, member=limits.Caps(daily_points=99))
    assert await refused() == "DAILY_LIMIT"


@pytest.mark.parametrize(
    "table", ["coalitions", "partners", "rate_books", "partner_limits", "corridor_pauses", "link_policies"]
)
async def test_a_change_is_counted_once_with_what_it_changes_or_not_at_all(
    coalition: Coalition, running: tuple[RunningService, RunningService], table: str
) -> None:
    one, other = await coalition.pair()
    await coalition.limit(one, member=limits.Caps(daily_points=99))
    await _pause(coalition, one, other)
    _, exchange = running
    database = await Database.open(exchange.database.runtime_url, name="test")
    markets = Markets(database)
    owner = await asyncpg.connect(exchange.database.owner_url)
    column = {"rate_books": "coalition", "partner_limits": "partner", "corridor_pauses": "sender"}.get(
        table, "create_time"
    )
    change = f"update {table} set {column} = {column}"
    async with database.acquire() as connection:
        before = await markets.now(connection)
        assert await markets.now(connection) is before
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(change)
        assert await markets.now(connection) is before
        await transaction.rollback()
        assert await markets.now(connection) is before
        async with owner.transaction():
            await owner.execute(change)
            await owner.execute(change)
        after = await markets.now(connection)
        assert (after is before, after.changes) == (False, before.changes + 1)
    await owner.close()
    await database.close()


END_WAITING = """
select pg_terminate_backend(pid) from pg_locks
where
    not granted and relation = 'quotes'::regclass
    and database = (select oid from pg_database where datname = current_database())
"""


@pytest.mark.parametrize("together", [1, 3])
async def test_what_changes_while_a_quote_or_an_exchange_waits_holds_for_it(
    coalition: Coalition, running: tuple[RunningService, RunningService], together: int
) -> None:
    """All of them have decided by what they knew before they come to the table that is locked."""
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(1_000), await other.member()
    quotes = [await one.quote(source, other, destination, send=10) for _ in range(together)]
    _, exchange = running
    owner = await asyncpg.connect(exchange.database.owner_url)

    async def wait() -> bool:
        waiting: int = await owner.fetchval(WAITING)
        return waiting == 2  # a group of quotes, and one of exchanges

    async with owner.transaction():
        await owner.execute("lock table quotes in exclusive mode")
        asked: list[asyncio.Task[Message]] = []
        for quote in quotes:
            asked.append(asyncio.create_task(one.quote(source, other, destination, send=10)))
            asked.append(asyncio.create_task(one.execute(quote)))
        await wait_until(wait)
        await owner.execute("update partners set state = 'SUSPENDED', resumed = 'LIVE' where partner = $1", other.id)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    await owner.close()
    assert [getattr(answer, "reason", None) for answer in answers] == ["PARTNER_SUSPENDED"] * 2 * together
    assert await one.exchanges() == []
    await coalition.move(other, suspend=False)
    executed = [await one.execute(quote) for quote in quotes]
    assert [done.received_amount for done in executed] == [10] * together


async def test_what_loses_its_connection_while_it_is_kept_is_kept_once(
    coalition: Coalition, running: tuple[RunningService, RunningService]
) -> None:
    one, other = await coalition.pair("1", "1")
    source, destination = await one.member(100), await other.member()
    quotes = [await one.quote(source, other, destination, send=10) for _ in range(3)]
    _, exchange = running
    owner = await asyncpg.connect(exchange.database.owner_url)
    ending = await asyncpg.connect(exchange.database.runtime_url)

    async def wait() -> bool:
        waiting: int = await owner.fetchval(WAITING)
        return waiting == 2

    async with owner.transaction():
        await owner.execute("lock table quotes in exclusive mode")
        asked: list[asyncio.Task[Message]] = []
        for quote in quotes:
            asked.append(asyncio.create_task(one.quote(source, other, destination, send=10)))
            asked.append(asyncio.create_task(one.execute(quote)))
        await wait_until(wait)
        assert len(await ending.fetch(END_WAITING)) == 2
        await wait_until(wait)
    await asyncio.gather(*asked)
    made = await owner.fetchval("select count(*) from quotes where sender = $1", one.id)
    await owner.close()
    await ending.close()
    assert (made, len(await one.exchanges()), await one.posted(source)) == (6, 3, 70)


async def _pause(coalition: Coalition, sender: Brand, receiver: Brand) -> None:
    request = limits.PauseCorridorRequest(
        sender=sender.name, receiver=receiver.name, reason="Their feed is wrong", request_id=new_request_id()
    )
    await coalition.operator.exchange_limits.PauseCorridor(request)


async def _resume(coalition: Coalition, sender: Brand, receiver: Brand) -> None:
    request = limits.ResumeCorridorRequest(sender=sender.name, receiver=receiver.name, request_id=new_request_id())
    await coalition.operator.exchange_limits.ResumeCorridor(request)
