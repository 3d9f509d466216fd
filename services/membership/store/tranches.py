"""What returns take of the tranches of awards that are bonuses beside the purchase's own credit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guerdon_kit.postgres import Connection
from membership.domain.late_changes import Part
from membership.domain.program import Program
from membership.domain.tranches import bonus_id
from membership.store import queries


async def taken(connection: Connection, program: Program, purchase_id: str) -> dict[int, int]:
    """What returns have taken of a purchase's tranches so far, by their places."""
    rows = queries.taken_of_tranches(connection, program_no=program.program_no, purchase_id=purchase_id)
    return {row["tranche"]: row["points"] async for row in rows}


async def insert(
    connection: Connection, program: Program, purchase_id: str, return_id: str, points: Mapping[int, int]
) -> None:
    """Writes what a return takes of tranches, by their places."""
    if points:
        await queries.insert_tranche_returns(
            connection,
            program_no=program.program_no,
            purchase_id=purchase_id,
            return_id=return_id,
            tranches=list(points),
            points=list(points.values()),
        )


async def parts(connection: Connection, program: Program, purchase_id: str, return_id: str) -> list[tuple[int, Part]]:
    """What a return takes of the credits beside the purchase's own, with their places."""
    rows = queries.parts_of_tranches(
        connection, program_no=program.program_no, purchase_id=purchase_id, return_id=return_id
    )
    found = [(row["tranche"], row["points"]) async for row in rows]
    ids = [bonus_id(purchase_id, number) for number, _ in found]
    known = await transactions(connection, program, ids)
    return [(place, Part(id_, points, known[id_])) for id_, (place, points) in zip(ids, found, strict=True)]


async def transactions(connection: Connection, program: Program, bonus_ids: Sequence[str]) -> dict[str, str]:
    """The ledger's transactions of bonuses; empty for what it does not have."""
    rows = queries.transactions_of_bonuses(connection, program_no=program.program_no, bonus_ids=bonus_ids)
    return {row["bonus_id"]: row["transaction_id"] async for row in rows}
