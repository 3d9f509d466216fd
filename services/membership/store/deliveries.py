"""What is recorded and still on its way to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.deliveries import Delivery
from membership.domain.program import Program
from membership.store import bonuses, late_changes, members, programs, purchases, queries


async def insert(
    connection: Connection,
    program: Program,
    actor: str,
    due_time: datetime,
    *,
    member_nos: list[int],
    purchase_ids: list[str],
    return_id: str | None = None,
    bonus_ids: Sequence[str] = (),
) -> int:
    """Writes a delivery in the transaction of what it brings, and answers its number. The recovery loop leaves it
    alone until `due_time`.
    """
    delivery_no: int = await queries.insert_delivery(
        connection,
        program_no=program.program_no,
        member_nos=member_nos,
        purchase_ids=purchase_ids,
        return_id=return_id,
        bonus_ids=bonus_ids,
        actor=actor,
        due_time=due_time,
    )
    return delivery_no


async def add(connection: Connection, delivery_no: int, purchase_ids: Sequence[str], change_ids: Sequence[str]) -> None:
    """Has a delivery bring late changes, after the awards and the changes that they take from."""
    await queries.add_to_delivery(connection, delivery_no=delivery_no, purchase_ids=purchase_ids, change_ids=change_ids)


async def decide(connection: Connection, delivery_no: int, purchase_id: str) -> None:
    """Has a delivery bring what was decided of a purchase's held award."""
    await queries.decide_delivery(connection, delivery_no=delivery_no, purchase_id=purchase_id)


async def find(connection: Connection, delivery_no: int) -> Delivery | None:
    """A delivery, with what is still to be brought; None where all of it has arrived."""
    row = await queries.find_delivery(connection, delivery_no=delivery_no)
    if row is None:
        return None
    return Delivery(
        delivery_no=delivery_no,
        program=await programs.by_no(connection, row["program_no"]),
        actor=row["actor"],
        members=await members.due(connection, row["member_nos"]),
        purchases=await purchases.due(connection, row["program_no"], row["purchase_ids"]),
        return_id=row["return_id"],
        bonuses=await bonuses.due(connection, row["program_no"], row["bonus_ids"]) if row["bonus_ids"] else (),
        changes=await late_changes.due(connection, row["program_no"], row["change_ids"]) if row["change_ids"] else (),
        decided=row["decided"],
    )


async def finish(connection: Connection, delivery_no: int) -> None:
    """Deletes a delivery: all of it has arrived."""
    await queries.delete_delivery(connection, delivery_no=delivery_no)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims deliveries that are due, until `lease_end`."""
    rows = queries.claim_deliveries(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["delivery_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, delivery_no: int, due_time: datetime) -> None:
    """Sets when a delivery is taken up again."""
    await queries.put_off_delivery(connection, delivery_no=delivery_no, due_time=due_time)
