"""Returns that come before their purchase: looked at ever less often, at once when it is recorded, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.grpc.client import Remote
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.testing import wait_until
from membership.clients.ledger import LEDGER, Ledger
from membership.domain.clawbacks import Asked
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.domain.rows import Row
from membership.jobs.recovery import waiting_returns
from membership.operations.deliveries import Deliveries
from membership.operations.recording import Recording, record_rows
from membership.operations.returns import Returns
from membership.operations.rules import Rulebooks
from membership.store.waiting_returns import end
from tests.integration.membership.conftest import SetClock

MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Counter:
    """Takes goods back, at a program whose purchases of cents earn nothing: no ledger is asked."""

    db: Database
    program: Program
    clock: SetClock
    returns: Returns

    async def bring_back(self, return_id: str, purchase_id: str, cents: int = 20) -> State:
        asked = Asked(return_id, purchase_id, MADE, cents)
        key = f"{return_id}-{self.clock.time}".encode()
        fingerprint = Fingerprint(key, b"body", b"", pb.RecordReturnRequest.DESCRIPTOR)
        return (await self.returns.record(self.program, asked, fingerprint, "tester", 5.0))[0].state

    async def buy(self, purchase_id: str, cents: int = 50) -> None:
        now = self.clock.time
        row = Row(0, purchase_id, "ada", to_microseconds(MADE), cents)

        async def work(connection: Connection) -> None:
            recording = Recording(now, now + timedelta(days=1000), "tester")
            await record_rows(connection, self.program, Rulebooks(), [row], recording, enroll_unknown=True)

        await self.db.run(work)

    async def look(self) -> int:
        """Has three workers look; answers how many returns they looked at."""
        loops = [waiting_returns(self.db, self.clock, self.returns) for _ in range(3)]
        return sum(await asyncio.gather(*(one.turn() for one in loops)))

    async def wait(self) -> bool:
        """Whether purchases pay for looking at what waits."""
        async with self.db.acquire() as connection:
            return bool(await connection.fetchval("select returns_wait from programs"))

    async def told(self) -> int:
        """How often it was told that a return waits no more."""
        async with self.db.acquire() as connection:
            kind = "guerdon.membership.v1.return_unmatched"
            return int(await connection.fetchval("select count(*) from outbox where type = $1", kind))


@pytest.fixture
async def counter(db: Database, program: Program) -> AsyncIterator[Counter]:
    clock = SetClock(MADE)
    remote = Remote("127.0.0.1:1", LEDGER, lambda *_: "")
    deliveries = Deliveries(db, Ledger(remote), clock, structlog.get_logger(), 2.0)
    yield Counter(db, program, clock, Returns(db, deliveries, clock))
    await remote.close()


async def test_a_return_whose_purchase_never_comes_is_looked_at_less_and_less_and_then_no_more(
    counter: Counter,
) -> None:
    assert await counter.bring_back("r1", "p1") is State.WAITING
    assert await counter.look() == 1
    assert await counter.look() == 0, "not again before it is due"
    counter.clock.time += timedelta(days=20)
    assert await counter.look() == 1
    counter.clock.time += timedelta(hours=23)
    assert await counter.look() == 0
    counter.clock.time += timedelta(days=10)
    assert (await counter.look(), await counter.look(), await counter.told()) == (1, 0, 1)
    assert await counter.bring_back("r1", "p1") is State.UNMATCHED
    assert not await counter.wait()
    await counter.buy("p1")
    assert await counter.look() == 0, "it took nothing by itself"
    counter.clock.time += timedelta(days=1)
    assert await counter.bring_back("r1", "p1") is State.POSTED, "whoever sends it again has it recorded"


async def test_a_purchase_wakes_the_returns_that_wait_for_it_and_no_others(counter: Counter) -> None:
    for return_id, purchase_id in (("r1", "p1"), ("r2", "p2")):
        assert await counter.bring_back(return_id, purchase_id) is State.WAITING
    counter.clock.time += timedelta(days=3)
    assert await counter.look() == 2
    await counter.buy("p3")
    assert await counter.look() == 0
    await counter.buy("p1")
    assert await counter.look() == 1
    assert await counter.bring_back("r1", "p1") is State.POSTED
    assert await counter.wait(), "another one waits"
    await counter.buy("p2")
    assert await counter.look() == 1
    assert not await counter.wait(), "purchases pay for it no longer"


async def test_of_two_that_end_the_last_two_waits_at_once_one_writes_that_none_waits(counter: Counter) -> None:
    for return_id in ("r1", "r2"):
        assert await counter.bring_back(return_id, "p1") is State.WAITING

    async def end_second() -> None:
        async with counter.db.transaction() as connection:
            await connection.execute("set local application_name = 'second'")
            await end(connection, counter.program, "r2", None)

    async def second_stands() -> bool:
        """Waits for the first, or ended without it."""
        async with counter.db.acquire() as connection:
            waits = "application_name = 'second' and wait_event_type = 'Lock'"
            return (
                second.done() or await connection.fetchval(f"select true from pg_stat_activity where {waits}") is True
            )

    async with counter.db.transaction() as connection:
        await end(connection, counter.program, "r1", None)
        second = asyncio.create_task(end_second())
        await wait_until(second_stands)
    await second
    assert not await counter.wait()
