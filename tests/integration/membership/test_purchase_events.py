"""Events of purchases that are told while their purchase is being recorded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog

from guerdon.membership.v1 import purchase_event_pb2
from guerdon_kit.grpc.client import Remote
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import record
from guerdon_kit.testing import wait_until
from membership.clients.ledger import LEDGER, Ledger
from membership.domain.availability import Availability, OnEvent
from membership.domain.moments import to_microseconds
from membership.domain.rows import Row
from membership.domain.waits import PurchaseEvent, WaitState
from membership.operations.deliveries import Deliveries
from membership.operations.purchase_events import PurchaseEvents
from membership.operations.recording import Recording, record_rows
from membership.operations.rules import Rulebooks
from membership.store import awaited, programs
from tests.integration.membership.conftest import ACME, NOW, SetClock

ON_DELIVERY = Availability(on_event=OnEvent("delivered", 30))


async def test_an_event_counts_at_once_whose_purchase_was_looked_at_before_the_event_could_be_seen(
    db: Database,
) -> None:
    """The event finds no purchase; that is recorded, and looked at by the loop, which sees no event; then the event is
    committed. Nobody would look again before the wait is over.
    """
    async with db.transaction() as connection:
        program = await programs.insert(connection, replace(ACME, availability=ON_DELIVERY), "UTC", NOW, "tester")
    assert program is not None
    remote = Remote("127.0.0.1:1", LEDGER, lambda *_: "")
    clock = SetClock(NOW)
    events = PurchaseEvents(db, Deliveries(db, Ledger(remote), clock, structlog.get_logger(), 2.0), clock)
    event = PurchaseEvent("e1", "p1", "delivered", NOW)
    fingerprint = Fingerprint(b"e1", b"body", b"", purchase_event_pb2.RecordPurchaseEventRequest.DESCRIPTOR)

    async def buy(connection: Connection) -> None:
        row = Row(0, "p1", "ada", to_microseconds(NOW), 10_00)
        recording = Recording(NOW, NOW + timedelta(days=1000), "tester")
        await record_rows(connection, program, Rulebooks(), [row], recording, enroll_unknown=True)

    async def states() -> list[WaitState]:
        async with db.acquire() as connection:
            found = await awaited.of_purchases(connection, program, ["p1"])
        return [one.state for one in found["p1"]]

    async def stands() -> bool:
        async with db.acquire() as connection:
            waits = "datname = current_database() and wait_event_type = 'Lock'"
            return await connection.fetchval(f"select true from pg_stat_activity where {waits}") is True

    async with db.acquire() as connection:
        same = connection.transaction()  # another copy of the request: the event waits for it once it has looked
        await same.start()
        await record(connection, fingerprint, b"")
        told = asyncio.create_task(events.record(program, event, fingerprint, "tester", 0.3))
        await wait_until(stands)
        await db.run(buy)
        await events.advance((program.program_no, "p1"))
        assert await states() == [WaitState.WAITING]
        await same.rollback()
    await told
    assert await states() == [WaitState.TOLD]
    await remote.close()
