"""What late events changed of awards: written once, settled once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from membership.domain.deliveries import Settled
from membership.domain.late_changes import AwardChange, DueChange, Part, taker
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.store import queries


class Kept(NamedTuple):
    """A change as it is kept, with what is left of its credit; `pending` until the ledger has it."""

    change: AwardChange
    unspent: int
    pending: bool


class NewChange(NamedTuple):
    """A change to be written, of a purchase that had `change_no` - 1 before."""

    change: AwardChange
    change_no: int
    member_no: int
    state: State


async def of_purchases(connection: Connection, program: Program, purchase_ids: Sequence[str]) -> dict[str, list[Kept]]:
    """The changes of purchases, oldest first."""
    found: dict[str, list[Kept]] = {}
    rows = queries.changes_of_purchases(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    async for row in rows:
        change = AwardChange(**{name: row[name] for name in AwardChange.__slots__})
        kept = Kept(change, max(row["unspent"], 0), row["state"] == State.PENDING)
        found.setdefault(change.purchase_id, []).append(kept)
    return found


async def insert(connection: Connection, program: Program, new: Sequence[NewChange], record_time: datetime) -> None:
    """Writes changes."""
    await queries.insert_late_changes(
        connection,
        program_no=program.program_no,
        record_time=record_time,
        change_ids=[one.change.change_id for one in new],
        purchase_ids=[one.change.purchase_id for one in new],
        change_nos=[one.change_no for one in new],
        member_nos=[one.member_no for one in new],
        late_purchase_ids=[one.change.late_purchase_id for one in new],
        late_return_ids=[one.change.late_return_id for one in new],
        points_before=[one.change.points_before for one in new],
        points_after=[one.change.points_after for one in new],
        returned_before=[one.change.returned_before for one in new],
        returned_after=[one.change.returned_after for one in new],
        expire_times=[one.change.expire_time for one in new],
        states=[one.state for one in new],
    )


async def insert_parts(connection: Connection, program: Program, parts: Mapping[str, Mapping[str, int]]) -> None:
    """Writes who takes how much of which changes' credits."""
    rows = [(who, change_id, points) for who, some in parts.items() for change_id, points in some.items()]
    if rows:
        takers, change_ids, points = zip(*rows, strict=True)
        await queries.insert_late_parts(
            connection,
            program_no=program.program_no,
            takers=takers,
            change_ids=change_ids,
            points=points,
        )


async def parts(connection: Connection, program_no: int, takers: Sequence[str]) -> dict[str, list[Part]]:
    """What returns and changes take of earlier changes' credits, by `taker`."""
    found: dict[str, list[Part]] = {}
    async for row in queries.late_parts(connection, program_no=program_no, takers=takers):
        found.setdefault(row["taker"], []).append(Part(row["change_id"], row["points"], row["transaction_id"]))
    return found


async def due(connection: Connection, program_no: int, change_ids: Sequence[str]) -> list[DueChange]:
    """Those of the changes that still have to reach the ledger."""
    taken = await parts(connection, program_no, [taker(one) for one in change_ids])
    rows = queries.changes_to_deliver(connection, program_no=program_no, change_ids=change_ids, pending=State.PENDING)
    return [DueChange(**row, parts=tuple(taken.get(taker(row["change_id"]), ()))) async for row in rows]


async def settle(connection: Connection, program: Program, settled: Mapping[str, Settled | int]) -> None:
    """Keeps the transactions of what was credited, or that it lapsed, and how many points were taken of the others."""
    ids = sorted(settled)
    lapsed = {one for one in ids if settled[one] == Settled(lapsed=True)}
    await queries.settle_late_changes(
        connection,
        program_no=program.program_no,
        change_ids=ids,
        states=[State.LAPSED if one in lapsed else State.POSTED for one in ids],
        transaction_ids=[how.transaction or None if isinstance(how := settled[one], Settled) else None for one in ids],
        reversed_points=[how if isinstance(how := settled[one], int) else None for one in ids],
        pending=State.PENDING,
    )
