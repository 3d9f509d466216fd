"""The ends of calendar years, where these tell the tiers: which is next for a program, and how far it is told."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.program import Program
from membership.store import queries


class AtYearEnd(NamedTuple):
    """A member with the points of the year that ends and of the year before."""

    member_no: int
    member_id: str
    ended: bool
    year_points: int
    previous_year_points: int


async def insert(connection: Connection, program: Program) -> None:
    """Has the ends of a new program's years told."""
    year = program.calendar.year_at(program.create_time)
    due_time = program.calendar.start_of_year(year + 1)
    await queries.insert_year_end(connection, program_no=program.program_no, year=year, due_time=due_time)


async def hold(connection: Connection, program_no: int) -> tuple[int, int]:
    """The year whose end is told next, and the number of the last member it is told of; held until the transaction
    ends.
    """
    row = await queries.hold_year_end(connection, program_no=program_no)
    return row["year"], row["after_member_no"]


async def members(
    connection: Connection, program: Program, year: int, lowest: int, after: int, most: int
) -> list[AtYearEnd]:
    """Members of number above `after` who earned `lowest` points or more in the year or in the one before, their rows
    held.
    """
    rows = queries.tiers_at_year_end(
        connection, program_no=program.program_no, year=year, lowest=lowest, after=after, most=most
    )
    return [
        AtYearEnd(row["member_no"], row["member_id"], row["ended"] is not None, row["this"], row["last"])
        async for row in rows
    ]


async def move(connection: Connection, program_no: int, year: int, after: int, due_time: datetime) -> None:
    """Keeps how far the end of `year` is told, and when to go on."""
    await queries.move_year_end(connection, program_no=program_no, year=year, after=after, due_time=due_time)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims programs of which a year has ended, until `lease_end`."""
    rows = queries.claim_year_ends(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["program_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, program_no: int, due_time: datetime) -> None:
    """Sets when a program is looked at again."""
    await queries.put_off_year_end(connection, program_no=program_no, due_time=due_time)
