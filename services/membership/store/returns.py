"""Returns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from guerdon_kit.postgres import Connection, Rerun
from membership.domain.clawbacks import Asked, CameBack, together
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, State
from membership.store import queries


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
        lines=read_lines(row["lines"]),
        whole=row["whole"],
    )


async def came_back(connection: Connection, program: Program, purchase_id: str) -> CameBack:
    """All that came back of a purchase so far; the writer holds its member's row."""
    found = await of_purchases(connection, program, [purchase_id])
    return reduce(together, found.get(purchase_id, ()), CameBack())


async def of_purchases(connection: Connection, program: Program, purchase_ids: Sequence[str]) -> dict[str, list[Asked]]:
    """The returns of purchases as they came in, by the purchase's id."""
    found: dict[str, list[Asked]] = {}
    rows = queries.returns_of_purchases(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    async for row in rows:
        lines, whole = read_lines(row["lines"]), row["whole"]
        amount = 0 if lines or whole else row["amount"]
        asked = Asked(row["return_id"], row["purchase_id"], row["event_time"], amount, lines, whole)
        found.setdefault(asked.purchase_id, []).append(asked)
    return found


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


def read_lines(kept: list[list[Any]]) -> tuple[tuple[str, int], ...]:
    """Pairs of a line's id and its pieces, as they are kept."""
    return tuple((line_id, quantity) for line_id, quantity in kept)
