"""Credits of purchases that wait for an event, and the events that were told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.program import Program
from membership.domain.tranches import Wait
from membership.domain.waits import Awaited, PurchaseEvent, Told, WaitState
from membership.store import queries

Key = tuple[int, str]
"""A program's number and a purchase's id."""


class NewWait(NamedTuple):
    """A credit that is to wait, by its place among those of its purchase, and when it is first looked at."""

    purchase_id: str
    member_no: int
    place: int
    wait: Wait
    due_time: datetime


async def insert(connection: Connection, program: Program, waits: Sequence[NewWait], actor: str) -> None:
    """Writes what waits, in the transaction of what makes it wait."""
    if not waits:
        return
    await queries.insert_awaited(
        connection,
        program_no=program.program_no,
        actor=actor,
        purchase_ids=[one.purchase_id for one in waits],
        member_nos=[one.member_no for one in waits],
        tranches=[one.place for one in waits],
        events=[one.wait.event for one in waits],
        untils=[one.wait.until for one in waits],
        released=[one.wait.released for one in waits],
        due_times=[one.due_time for one in waits],
    )


async def of_purchases(
    connection: Connection, program: Program, purchase_ids: Sequence[str]
) -> dict[str, tuple[Awaited, ...]]:
    """What waits of purchases, or did, by their ids."""
    rows = queries.awaited_of_purchases(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    found: dict[str, tuple[Awaited, ...]] = {}
    async for row in rows:
        wait = Wait(row["event"], row["until"], row["released"])
        one = Awaited(row["tranche"], wait, WaitState(row["state"]), row["end_time"])
        found[row["purchase_id"]] = (*found.get(row["purchase_id"], ()), one)
    return found


async def end(
    connection: Connection,
    program: Program,
    purchase_id: str,
    state: WaitState,
    now: datetime,
    places: Sequence[int] | None = None,
) -> None:
    """Keeps what became of credits that wait, at these places or of all; the writer holds the member's row."""
    await queries.end_awaited(
        connection,
        program_no=program.program_no,
        purchase_id=purchase_id,
        state=state,
        end_time=now,
        tranches=places,
    )


async def wait_on(connection: Connection, program: Program, purchase_id: str) -> None:
    """Has what still waits of a purchase looked at once its longest wait is over."""
    await queries.wait_on(connection, program_no=program.program_no, purchase_id=purchase_id)


async def actor(connection: Connection, program: Program, purchase_id: str) -> str:
    """On whose behalf points of a purchase wait."""
    found: str = await queries.awaited_actor(connection, program_no=program.program_no, purchase_id=purchase_id)
    return found


async def tell(connection: Connection, program: Program, event: PurchaseEvent, now: datetime, by: str) -> bool:
    """Writes an event; answers whether it is new."""
    new = await queries.insert_purchase_event(
        connection,
        program_no=program.program_no,
        event_id=event.event_id,
        purchase_id=event.purchase_id,
        event=event.event,
        event_time=event.event_time,
        record_time=now,
        actor=by,
    )
    return new is not None


async def find_event(connection: Connection, program: Program, event_id: str) -> tuple[PurchaseEvent, datetime] | None:
    """An event by its id, and when it was told."""
    row = await queries.find_purchase_event(connection, program_no=program.program_no, event_id=event_id)
    if row is None:
        return None
    return PurchaseEvent(event_id, row["purchase_id"], row["event"], row["event_time"]), row["record_time"]


async def told(connection: Connection, program: Program, purchase_id: str) -> list[Told]:
    """The events of a purchase that were told, of each type the first that happened."""
    rows = queries.told_of_purchase(connection, program_no=program.program_no, purchase_id=purchase_id)
    return [Told(row["event"], row["event_time"]) async for row in rows]


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[Key]]:
    """Claims purchases of which something is due, until `lease_end`."""
    rows = queries.claim_awaited(connection, now=now, lease_end=lease_end, most=most)
    found = {(row["program_no"], row["purchase_id"]): row["attempts"] async for row in rows}
    return [Claim(key, attempts) for key, attempts in found.items()]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Sets when a purchase is looked at again."""
    program_no, purchase_id = key
    await queries.put_off_awaited(connection, program_no=program_no, purchase_id=purchase_id, due_time=due_time)
