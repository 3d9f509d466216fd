"""Purchases of nobody known. Who claims one has it recorded as a member's, and it goes from here."""

from __future__ import annotations

from datetime import datetime

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.baskets import Basket
from membership.domain.claims import GuestPurchase
from membership.domain.program import Program
from membership.store import queries
from membership.store.ratings import read_basket, write_basket


async def insert(
    connection: Connection,
    program: Program,
    purchase_id: str,
    event_time: datetime,
    amount: int,
    basket: Basket | None,
    now: datetime,
    actor: str,
) -> bool:
    """Writes a purchase; answers False where its id is there already."""
    written: int = await queries.insert_guest_purchase(
        connection,
        program_no=program.program_no,
        purchase_id=purchase_id,
        event_time=event_time,
        record_time=now,
        amount=amount,
        basket=None if basket is None else write_basket(basket),
        actor=actor,
    )
    return written > 0


async def find(connection: Connection, program: Program, purchase_id: str) -> GuestPurchase | None:
    """A purchase that nobody has claimed."""
    return _read(await queries.find_guest_purchase(connection, program_no=program.program_no, purchase_id=purchase_id))


async def hold(connection: Connection, program: Program, purchase_id: str) -> GuestPurchase | None:
    """A purchase that nobody has claimed, its row held until the transaction ends."""
    return _read(await queries.hold_guest_purchase(connection, program_no=program.program_no, purchase_id=purchase_id))


async def count_wrong(connection: Connection, program: Program, purchase_id: str) -> None:
    """Counts a claim with a wrong amount or day."""
    await queries.count_wrong_claim(connection, program_no=program.program_no, purchase_id=purchase_id)


async def delete(connection: Connection, program: Program, purchase_id: str) -> None:
    """Deletes a purchase, which is now a member's."""
    await queries.delete_guest_purchase(connection, program_no=program.program_no, purchase_id=purchase_id)


def _read(row: Record | None) -> GuestPurchase | None:
    if row is None:
        return None
    return GuestPurchase(
        purchase_id=row["purchase_id"],
        event_time=row["event_time"],
        record_time=row["record_time"],
        amount=row["amount"],
        wrong_claims=row["wrong_claims"],
        basket=None if row["basket"] is None else read_basket(row["basket"]),
    )
