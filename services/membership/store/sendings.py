"""Offers that are still being sent to the members of a segment."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.offers import Validity
from membership.domain.program import Program
from membership.store import programs, queries


class Unsent(NamedTuple):
    """An offer that is being sent, and the last member who was looked at."""

    program: Program
    offer_id: str
    segment_id: str
    validity: Validity
    after: str


async def hold(connection: Connection, sending_no: int) -> Unsent | None:
    """An offer that is being sent, held until the transaction ends; None where it is sent."""
    row = await queries.hold_sending(connection, sending_no=sending_no)
    if row is None:
        return None
    program = await programs.by_no(connection, row["program_no"])
    validity = Validity(row["start_time"], row["end_time"])
    return Unsent(program, row["offer_id"], row["segment_id"], validity, row["after_member_id"])


async def move(connection: Connection, sending_no: int, after: str, *, done: bool) -> None:
    """Keeps how far it is sent; the writer holds it."""
    await queries.move_sending(connection, sending_no=sending_no, after=after, done=done)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims offers that are to be sent, until `lease_end`."""
    rows = queries.claim_sendings(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["sending_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, sending_no: int, due_time: datetime) -> None:
    """Sets when sending goes on."""
    await queries.put_off_sending(connection, sending_no=sending_no, due_time=due_time)
