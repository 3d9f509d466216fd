"""Segments, and what members bought year by year, which segments may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.program import Program
from membership.domain.segments import BoughtInYear, Segment, SegmentTerms
from membership.store import queries


async def hold(connection: Connection, program: Program) -> int:
    """Holds the program's segments: whoever makes one does so alone. Answers how many are not archived."""
    await queries.hold_segments(connection, program_no=program.program_no)
    counted: int = await queries.count_segments(connection, program_no=program.program_no)
    return counted


async def insert(
    connection: Connection, program: Program, segment_id: str, terms: SegmentTerms, now: datetime, actor: str
) -> None:
    """Writes a segment."""
    await queries.insert_segment(connection, **_columns(program, segment_id, terms, now, actor))


async def update(
    connection: Connection, program: Program, segment_id: str, terms: SegmentTerms, now: datetime, actor: str
) -> None:
    """Changes a segment."""
    await queries.update_segment(connection, **_columns(program, segment_id, terms, now, actor))


async def archive(connection: Connection, program: Program, segment_id: str, now: datetime, actor: str) -> None:
    """Archives a segment, unless it is."""
    await queries.archive_segment(
        connection, program_no=program.program_no, segment_id=segment_id, now=now, actor=actor
    )


async def find(connection: Connection, program: Program, segment_id: str) -> Segment | None:
    """A segment by its id."""
    row = await queries.find_segment(connection, program_no=program.program_no, segment_id=segment_id)
    return None if row is None else _segment(row)


async def page(connection: Connection, program: Program, after: str, most: int) -> list[Segment]:
    """Segments in the order of their ids, from behind `after`."""
    rows = queries.list_segments(connection, program_no=program.program_no, after=after, most=most)
    return [_segment(row) async for row in rows]


async def in_use(connection: Connection, program: Program) -> list[Segment]:
    """The segments that are not archived, in the order of their ids."""
    return [_segment(row) async for row in queries.segments_in_use(connection, program_no=program.program_no)]


async def add_bought(connection: Connection, bought: Mapping[int, Sequence[BoughtInYear]]) -> None:
    """Counts what members bought, by their numbers; the writer holds their rows."""
    rows = [(member_no, one) for member_no in sorted(bought) for one in bought[member_no]]
    await queries.add_member_purchases(
        connection,
        member_nos=[member_no for member_no, _ in rows],
        years=[one.year for _, one in rows],
        purchases=[one.purchases for _, one in rows],
        spends=[one.spend for _, one in rows],
        last_times=[one.last_time for _, one in rows],
    )


async def lower_bought(connection: Connection, member_no: int, year: int, spend: int, purchases: int) -> None:
    """Takes off what a member brought back, whose row the writer holds."""
    await queries.lower_member_purchases(connection, member_no=member_no, year=year, spend=spend, purchases=purchases)


async def bought(connection: Connection, member_nos: Sequence[int]) -> dict[int, tuple[BoughtInYear, ...]]:
    """What members bought, by their numbers; those who bought nothing are absent."""
    found: dict[int, tuple[BoughtInYear, ...]] = {}
    async for row in queries.member_purchases(connection, member_nos=member_nos):
        one = BoughtInYear(row["year"], row["purchases"], row["spend"], row["last_time"])
        found[row["member_no"]] = (*found.get(row["member_no"], ()), one)
    return found


def _columns(program: Program, segment_id: str, terms: SegmentTerms, now: datetime, actor: str) -> dict[str, object]:
    return {
        "program_no": program.program_no,
        "segment_id": segment_id,
        "display_name": terms.display_name,
        "condition": terms.condition,
        "now": now,
        "actor": actor,
    }


def _segment(row: Record) -> Segment:
    terms = SegmentTerms(row["display_name"], row["condition"])
    return Segment(row["segment_id"], terms, row["archived"], row["create_time"], row["update_time"])
