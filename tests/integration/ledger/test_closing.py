"""Closing the books is a fence: what is in flight lands before the closing is answered, or is refused."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from guerdon import RefusedError, new_request_id
from guerdon.ledger.v1 import books_pb2
from guerdon_kit.postgres import Database
from guerdon_kit.testing import RunningService, wait_until
from ledger.store.long_reads import long_read
from tests.contract.ledger.world import EARN, PRECONDITION, SPEND, Shop, refused, stamp
from tests.integration.ledger.connections import Connection, through

MEMBERS, POSTERS, CLOSINGS = 8, 12, 15
LATENESS_MS = (None, 0, 1, 5, 20, 200)
"""How long before it is sent a posting happened; None: it happens when it is recorded."""


@pytest.fixture
async def owner(running: RunningService) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(running.database.owner_url)
    yield opened
    await opened.close()


def closing(shop: Shop, time: datetime) -> books_pb2.CloseBooksRequest:
    return books_pb2.CloseBooksRequest(
        parent=shop.name, close_time=stamp(time), reason="Month's end", request_id=new_request_id()
    )


@dataclass
class Load:
    """Posters that go on until they are told to stop, and what became of each posting."""

    shops: itertools.cycle[Shop]
    posted: list[str] = field(default_factory=list)
    late: list[RefusedError] = field(default_factory=list)
    stopped: bool = False

    async def post(self, number: int) -> None:
        for n in itertools.count(number):
            if self.stopped:
                return
            shop, lateness = next(self.shops), LATENESS_MS[n % len(LATENESS_MS)]
            fields = {}
            if lateness is not None:
                fields["effective_time"] = stamp(datetime.now(UTC) - timedelta(milliseconds=lateness))
            posting = shop.posting("issuance.points", f"m{n % MEMBERS}", 1)
            try:
                self.posted.append((await shop.post(EARN, posting, **fields)).transaction)
            except RefusedError as refusal:
                self.late.append(refusal)

    async def more(self, count: int) -> None:
        """Returns when so many more have been posted."""
        wanted = len(self.posted) + count
        await wait_until(lambda: len(self.posted) >= wanted, timeout_s=30)


async def test_after_a_closing_was_answered_nothing_is_posted_into_what_it_closed(
    shop: Shop, connections: list[Connection], owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    await shop.add_many([f"m{n}" for n in range(MEMBERS)])
    program = await owner.fetchval("select program from programs where id = $1", shop.name.split("/")[1])
    shops = through(shop, connections)
    load = Load(shops)
    closed: list[tuple[datetime, int]] = []

    async def before(time: datetime) -> int:
        return int(
            await owner.fetchval(
                "select count(*) from transactions where program = $1 and effective_time < $2", program, time
            )
        )

    async with asyncio.TaskGroup() as tasks:
        posters = [tasks.create_task(load.post(number)) for number in range(POSTERS)]
        for _ in range(CLOSINGS):
            await load.more(20)
            time = datetime.now(UTC)
            await next(shops).ledger.CloseBooks(closing(shop, time))
            closed.append((time, await before(time)))
        load.stopped = True
        await asyncio.wait(posters)
    assert [await before(time) for time, _ in closed] == [count for _, count in closed]
    # What was answered is there, and what was refused is not.
    found = await owner.fetch("select id from transactions where program = $1", program)
    assert sorted(int(name.rpartition("/")[2]) for name in load.posted) == sorted(row["id"] for row in found)
    assert load.late
    for refusal in load.late:
        assert refusal.reason == "BOOKS_CLOSED"
        effective, close = [datetime.fromisoformat(refusal.metadata[key]) for key in ("effective_time", "close_time")]
        assert effective < close
    total = sum([(await shop.balance(f"m{n}")).posted for n in range(MEMBERS)])
    assert total == len(load.posted)


async def test_a_closing_waits_for_what_began_before_it_and_refuses_what_begins_meanwhile(
    shop: Shop, connections: list[Connection], owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    one, two = Shop(shop.name, connections[0]), Shop(shop.name, connections[1])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    spend = shop.posting("ada", "redemption.points", 30)

    async def stuck() -> int:
        waiting = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"
        return int(await owner.fetchval(waiting))

    async def close() -> None:
        await two.ledger.CloseBooks(closing(shop, time))

    async def written() -> int:
        return int(await owner.fetchval("select count(*) from books_changes where close_time = $1", time))

    async with owner.transaction():
        await owner.execute("select from lots where account = (select id from accounts where name = 'ada') for update")
        in_flight = asyncio.create_task(one.post(SPEND, spend, effective_time=stamp(yesterday)))
        await wait_until(stuck, timeout_s=30)
        time = datetime.now(UTC)
        fence = asyncio.create_task(close())
        await wait_until(written, timeout_s=30)
        async with refused(PRECONDITION, "BOOKS_CLOSED"):
            await two.post(EARN, shop.posting("issuance.points", "ben", 1), effective_time=stamp(yesterday))
        assert not fence.done()
    await fence
    assert (await in_flight).balances[0].posted == 70
    await one.spend("ada", 10)


async def test_a_long_read_holds_up_no_closing(shop: Shop, running: RunningService) -> None:
    database = await Database.open(running.database.runtime_url, name="test", size=1)
    async with long_read(database) as reading:
        assert await reading.fetchval("select 1")
        await shop.ledger.CloseBooks(closing(shop, datetime.now(UTC)))
    await database.close()
