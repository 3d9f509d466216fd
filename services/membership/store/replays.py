"""What was bought, read to be rated once more: by pages, and nothing is held."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.baskets import Basket
from membership.domain.lives import Bought
from membership.domain.members import Member
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.store import members, queries, ratings


async def count(
    connection: Connection, program: Program, start_time: datetime | None, end_time: datetime | None
) -> int:
    """How many purchases there are from `start_time` on and before `end_time`."""
    counted: int = await queries.count_purchases(
        connection, program_no=program.program_no, start_time=start_time, end_time=end_time
    )
    return counted


async def page(
    connection: Connection, program: Program, end_time: datetime | None, part: int, parts: int, after: str, most: int
) -> list[Bought]:
    """Purchases before `end_time` of one of so many parts of the members, in the order of ids, from behind `after`."""
    rows = queries.purchases_to_replay(
        connection, program_no=program.program_no, end_time=end_time, part=part, parts=parts, after=after, most=most
    )
    return [
        Bought(
            row["member_no"],
            to_microseconds(row["event_time"] if program.has_timelines else row["record_time"]),
            to_microseconds(row["event_time"]),
            row["purchase_id"],
            row["amount"],
            row["points"],
            row["rated_apart"],
        )
        async for row in rows
    ]


async def whose(connection: Connection, member_nos: Iterable[int]) -> dict[int, Member]:
    """Members by their numbers."""
    rows = queries.members_by_nos(connection, member_nos=list(member_nos))
    return {row["member_no"]: members.read(row) async for row in rows}


async def baskets(connection: Connection, program: Program, bought: Iterable[Bought]) -> dict[str, Basket]:
    """The baskets of purchases, by their ids."""
    ids = [one.purchase_id for one in bought if one.rated_apart]
    if not ids:
        return {}
    rows = queries.baskets(connection, program_no=program.program_no, purchase_ids=ids)
    return {row["purchase_id"]: ratings.read_basket(row["basket"]) async for row in rows}
