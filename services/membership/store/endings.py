"""What the ledger is still asked for when a membership ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.endings import Ending, Errand, Left
from membership.domain.members import Member
from membership.domain.program import Program
from membership.store import members, programs, queries


async def insert(
    connection: Connection, program: Program, member: Member, errand: Errand, actor: str, due_time: datetime
) -> int:
    """Writes what the ledger is to be asked for, and answers its number. The recovery loop leaves it alone until
    `due_time`.
    """
    ending_no: int = await queries.insert_ending(
        connection,
        program_no=program.program_no,
        member_no=member.member_no,
        errand=errand,
        actor=actor,
        due_time=due_time,
    )
    return ending_no


async def find(connection: Connection, ending_no: int) -> Ending | None:
    """An ending that is not done, or was refused; None once it is done."""
    row = await queries.find_ending(connection, ending_no=ending_no)
    if row is None:
        return None
    return Ending(
        ending_no=ending_no,
        program=await programs.by_no(connection, row["program_no"]),
        member=members.read(row),
        errand=Errand(row["errand"]),
        actor=row["actor"],
        left=None if row["left_over"] is None else _left(row["left_over"], row["left_unit_id"]),
    )


async def finish(connection: Connection, ending_no: int) -> None:
    """Deletes an ending: the ledger has done it."""
    await queries.delete_ending(connection, ending_no=ending_no)


async def refuse(connection: Connection, ending_no: int, left: Left) -> None:
    """Keeps what was left where the ledger refused a closing."""
    numbers = [left.posted, left.held, left.pending, left.debt]
    await queries.refuse_ending(connection, ending_no=ending_no, left_over=numbers, left_unit_id=left.unit)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims endings that are due, until `lease_end`."""
    rows = queries.claim_endings(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["ending_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, ending_no: int, due_time: datetime) -> None:
    """Sets when an ending is taken up again."""
    await queries.put_off_ending(connection, ending_no=ending_no, due_time=due_time)


def _left(numbers: Sequence[int], unit: str) -> Left:
    posted, held, pending, debt = numbers
    return Left(posted, held, pending, debt, unit)
