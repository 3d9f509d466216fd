"""Purchases that are told of under the id of a member who was merged: they are those of who stands for it."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.errors import DomainError
from guerdon_kit.postgres import Connection
from membership.domain.errors import PurchaseDiffers
from membership.domain.members import Ended, Member
from membership.domain.program import Program
from membership.domain.rows import Row
from membership.store import members, merges


async def for_survivors(
    connection: Connection, program: Program, rows: list[Row], by_id: dict[str, Member]
) -> list[Row]:
    """The rows under the ids of those who earn for them, who are held and added to `by_id`."""
    merged = [member for member in by_id.values() if member.ended is Ended.MERGED]
    if not merged:
        return rows
    found = await members.hold_survivors(connection, program, merged)
    ids = {one.member_id: found[one.member_no].member_id for one in merged}
    by_id |= {one.member_id: one for one in found.values()}
    return [row._replace(member_id=ids.get(row.member_id, row.member_id)) for row in rows]


async def same_people(
    connection: Connection, program: Program, rows: Sequence[Row], refused: dict[int, DomainError]
) -> list[int]:
    """The places of rows that were refused only because their purchase is recorded under another id of the same person;
    they are refused no longer.
    """
    doubtful = [
        row
        for row in rows
        if isinstance(why := refused.get(row.place), PurchaseDiffers) and why.metadata["fields"] == "member"
    ]
    if not doubtful:
        return []
    same = await merges.same_people(connection, program, [(row.purchase_id, row.member_id) for row in doubtful])
    places = [row.place for row in doubtful if row.purchase_id in same]
    for place in places:
        del refused[place]
    return places
