"""Returns."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from guerdon_kit.postgres import Connection, Rerun
from guerdon_kit.saga import Claim
from membership.domain.clawbacks import Asked, CameBack
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, State
from membership.store import queries


class Waiting(NamedTuple):
    """A return that came before its purchase; `refusal` where it then could not be recorded."""

    asked: Asked
    record_time: datetime
    actor: str
    refusal: dict[str, object] | None


async def insert(connection: Connection, program: Program, goods_return: GoodsReturn, actor: str) -> None:
    """Writes a return.

    Raises:
        Rerun: its id was recorded by another transaction meanwhile.
    """
    written = await queries.insert_return(
        connection,
        program_no=program.program_no,
        return_id=goods_return.return_id,
        purchase_id=goods_return.purchase_id,
        event_time=goods_return.event_time,
        record_time=goods_return.record_time,
        amount=goods_return.amount,
        lines=goods_return.lines,
        whole=goods_return.whole,
        points=goods_return.points,
        cumulative_amount=goods_return.cumulative_amount,
        cumulative_points=goods_return.cumulative_points,
        state=goods_return.state,
        actor=actor,
    )
    if not written:
        raise Rerun


async def find(connection: Connection, program: Program, return_id: str) -> GoodsReturn | None:
    """A return by its id."""
    row = await queries.find_return(connection, program_no=program.program_no, return_id=return_id)
    if row is None:
        return None
    return GoodsReturn(
        return_id=row["return_id"],
        purchase_id=row["purchase_id"],
        event_time=row["event_time"],
        record_time=row["record_time"],
        amount=row["amount"],
        points=row["points"],
        cumulative_amount=row["cumulative_amount"],
        cumulative_points=row["cumulative_points"],
        state=State(row["state"]),
        reversed_points=row["reversed_points"],
        lines=_lines(row["lines"]),
        whole=row["whole"],
    )


async def came_back(connection: Connection, program: Program, purchase_id: str) -> CameBack:
    """All that came back of a purchase so far; the writer holds its member's row."""
    pieces: Counter[str] = Counter()
    amount, whole = 0, False
    async for row in queries.returns_of_purchase(connection, program_no=program.program_no, purchase_id=purchase_id):
        for line_id, quantity in row["lines"]:
            pieces[line_id] += quantity
        whole = whole or row["whole"]
        if not row["lines"] and not row["whole"]:
            amount += row["amount"]
    return CameBack(pieces, amount, whole)


async def settle(connection: Connection, program: Program, return_id: str, reversed_points: int) -> None:
    """Marks a return whose clawback is in the ledger."""
    await queries.settle_return(
        connection,
        program_no=program.program_no,
        return_id=return_id,
        reversed_points=reversed_points,
        state=State.POSTED,
        pending=State.PENDING,
    )


async def wait(connection: Connection, program: Program, asked: Asked, record_time: datetime, actor: str) -> None:
    """Writes a return whose purchase has not arrived.

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


async def find_waiting(connection: Connection, program: Program, return_id: str) -> Waiting | None:
    """A return whose purchase has not arrived, or that could not be recorded when it had."""
    row = await queries.find_waiting_return(connection, program_no=program.program_no, return_id=return_id)
    return None if row is None else _waiting(row)


async def hold_waiting(connection: Connection, program_no: int, return_id: str) -> Waiting | None:
    """A waiting return, held until the transaction ends; None once it is recorded or refused."""
    row = await queries.hold_waiting_return(connection, program_no=program_no, return_id=return_id)
    return None if row is None else _waiting(row)


async def stop_waiting(connection: Connection, program: Program, return_id: str) -> None:
    """Deletes a waiting return: it is recorded in the same transaction."""
    await queries.delete_waiting_return(connection, program_no=program.program_no, return_id=return_id)


async def refuse_waiting(connection: Connection, program: Program, return_id: str, refusal: dict[str, object]) -> None:
    """Keeps why a waiting return could not be recorded when its purchase had arrived."""
    await queries.refuse_waiting_return(connection, program_no=program.program_no, return_id=return_id, refusal=refusal)


async def claim_waiting(
    connection: Connection, now: datetime, lease_end: datetime, most: int
) -> list[Claim[tuple[int, str]]]:
    """Claims waiting returns whose purchase has arrived, until `lease_end`."""
    rows = queries.claim_waiting_returns(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program_no"], row["return_id"]), row["attempts"]) async for row in rows]


async def put_off_waiting(connection: Connection, key: tuple[int, str], due_time: datetime) -> None:
    """Sets when a waiting return is taken up again."""
    program_no, return_id = key
    await queries.put_off_waiting_return(connection, program_no=program_no, return_id=return_id, due_time=due_time)


def _waiting(row: Record) -> Waiting:
    asked = Asked(
        row["return_id"], row["purchase_id"], row["event_time"], row["amount"], _lines(row["lines"]), row["whole"]
    )
    return Waiting(asked, row["record_time"], row["actor"], row["refusal"])


def _lines(kept: list[list[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((line_id, quantity) for line_id, quantity in kept)
