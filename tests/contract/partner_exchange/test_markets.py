"""What quotes and exchanges are made by is kept between calls, and nobody is served by what has changed since."""

from __future__ import annotations

import asyncpg
import pytest

from guerdon import RefusedError, new_request_id
from guerdon.exchange.v1 import limits_pb2 as limits
from guerdon_kit.postgres import Database
from guerdon_kit.testing import RunningService
from partner_exchange.operations.markets import Markets
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


async def _pause(coalition: Coalition, sender: Brand, receiver: Brand) -> None:
    request = limits.PauseCorridorRequest(
        sender=sender.name, receiver=receiver.name, reason="Their feed is wrong", request_id=new_request_id()
    )
    await coalition.operator.exchange_limits.PauseCorridor(request)


async def _resume(coalition: Coalition, sender: Brand, receiver: Brand) -> None:
    request = limits.ResumeCorridorRequest(sender=sender.name, receiver=receiver.name, request_id=new_request_id())
    await coalition.operator.exchange_limits.ResumeCorridor(request)
