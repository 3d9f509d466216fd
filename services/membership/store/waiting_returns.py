"""Returns that came before their purchase."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Record

from guerdon_kit.postgres import Connection, Rerun
from guerdon_kit.saga import Claim
from membership.domain.clawbacks import Asked
from membership.domain.program import Program
from membership.store import queries
from membership.store.returns import read_lines

Key = tuple[int, str]
"""The number of a program, and the id of a return."""


class Waiting(NamedTuple):
    """A return that came before its purchase; `refusal` where it then could not be recorded."""

    asked: Asked
    record_time: datetime
    actor: str
    refusal: dict[str, object] | None
    unmatched: bool


async def insert(connection: Connection, program: Program, asked: Asked, record_time: datetime, actor: str) -> None:
    """Writes a return whose purchase has not arrived, and that the program has such.

    Raises:
        Rerun: its id was recorded by another transaction meanwhile.
    """
    written = await queries.insert_waiting_return(
        connection,
        program_no=program.program_no,
        return_id=asked.return_id,
        purchase_id=asked.purchase_id,
        event_time=asked.event_time,
        record_time=record_time,
        amount=asked.amount,
        lines=asked.lines,
        whole=asked.whole,
        actor=actor,
    )
    if not written:
        raise Rerun
    await queries.begin_returns_wait(connection, program_no=program.program_no)
    if not await queries.hold_returns_wait(connection, program_no=program.program_no):
        raise Rerun  # the last one before this was done with meanwhile


async def find(connection: Connection, program: Program, return_id: str) -> Waiting | None:
    """A return whose purchase has not arrived, or that could not be recorded when it had."""
    row = await queries.find_waiting_return(connection, program_no=program.program_no, return_id=return_id)
    return None if row is None else _waiting(row)


async def hold(connection: Connection, key: Key) -> Waiting | None:
    """A waiting return, held until the transaction ends; None once it waits no more."""
    row = await queries.hold_waiting_return(connection, program_no=key[0], return_id=key[1])
    return None if row is None else _waiting(row)


async def delete(connection: Connection, program: Program, return_id: str) -> None:
    """Deletes a waiting return, if there is one: it is recorded in the same transaction."""
    if await queries.delete_waiting_return(connection, program_no=program.program_no, return_id=return_id):
        await _end_wait(connection, program)


async def end(connection: Connection, program: Program, return_id: str, refusal: dict[str, object] | None) -> None:
    """Has a return wait no more: keeps why it could not be recorded when its purchase had arrived, or None where that
    never came.
    """
    await queries.end_waiting_return(connection, program_no=program.program_no, return_id=return_id, refusal=refusal)
    await _end_wait(connection, program)


async def wake(connection: Connection, program: Program, purchase_ids: Sequence[str], now: datetime) -> None:
    """Has the returns looked at that wait for these purchases."""
    await queries.wake_waiting_returns(
        connection, program_no=program.program_no, purchase_ids=purchase_ids, due_time=now
    )


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[Key]]:
    """Claims waiting returns that are due, until `lease_end`."""
    rows = queries.claim_waiting_returns(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program_no"], row["return_id"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Sets when a waiting return is looked at again."""
    await queries.put_off_waiting_return(connection, program_no=key[0], return_id=key[1], due_time=due_time)


async def _end_wait(connection: Connection, program: Program) -> None:
    """Writes that no return of the program waits any more, where that is so. Whoever has one wait holds the row; of two
    that end the last two waits at once the second one sees it.
    """
    await queries.hold_program(connection, program_no=program.program_no)
    await queries.end_returns_wait(connection, program_no=program.program_no)


def _waiting(row: Record) -> Waiting:
    asked = Asked(
        row["return_id"], row["purchase_id"], row["event_time"], row["amount"], read_lines(row["lines"]), row["whole"]
    )
    refusal = row["refusal"]
    return Waiting(
        asked, row["record_time"], row["actor"], refusal, unmatched=refusal is None and row["due_time"] is None
    )
