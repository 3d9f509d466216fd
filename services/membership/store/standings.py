"""What counts for members by day, what was told of their tiers, and the ends of years that are still to be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.levels import Told
from membership.domain.program import Program
from membership.domain.tier_policy import Walk
from membership.store import programs, queries


async def walks(connection: Connection, program: Program, member_nos: Sequence[int]) -> dict[int, Walk]:
    """The walks of members, each at its beginning."""
    tiers, policy = program.tier_set, program.settings.tier_policy
    found = await days(connection, program, member_nos)
    return {no: Walk(tiers, policy, joined, counted) for no, (joined, counted) in found.items()}


async def days(
    connection: Connection, program: Program, member_nos: Sequence[int]
) -> dict[int, tuple[int, dict[int, int]]]:
    """The days on which members joined, and what counts by day."""
    joined: dict[int, datetime] = {}
    counted: dict[int, dict[int, int]] = {}
    async for row in queries.member_days(connection, member_nos=member_nos):
        joined[row["member_no"]] = row["enroll_time"]
        of_member = counted.setdefault(row["member_no"], {})
        if row["day"] is not None:
            of_member[row["day"].toordinal()] = row["amount"]
    return {no: (program.calendar.day_at(joined[no]), some) for no, some in counted.items()}


async def write_days(connection: Connection, counted: dict[tuple[int, int], int]) -> None:
    """Sets what counts, by member and day; the writer holds the members' rows."""
    keys = sorted(counted)
    await queries.write_member_days(
        connection,
        member_nos=[member_no for member_no, _ in keys],
        days=[date.fromordinal(day) for _, day in keys],
        amounts=[counted[key] for key in keys],
    )


async def add(connection: Connection, counted: dict[tuple[int, int], int]) -> None:
    """Adds what counts, by member and day; the writer holds the members' rows."""
    keys = sorted(counted)
    await queries.add_member_days(
        connection,
        member_nos=[member_no for member_no, _ in keys],
        days=[date.fromordinal(day) for _, day in keys],
        amounts=[counted[key] for key in keys],
    )


async def lower(connection: Connection, member_no: int, day: int, amount: int) -> None:
    """Takes off what counts on a day of a member's, whose row the writer holds."""
    await queries.lower_member_day(connection, member_no=member_no, day=date.fromordinal(day), amount=amount)


async def look_again(connection: Connection, program: Program, member_nos: Iterable[int], now: datetime) -> None:
    """Has the tiers of members looked at from now on."""
    await queries.look_again(
        connection,
        program_no=program.program_no,
        member_nos=sorted(member_nos),
        level=program.tier_set.level(0, 0),
        seen_day=date.fromordinal(program.calendar.day_at(now)),
        due_time=now,
    )


class Watched(NamedTuple):
    """A member whose tier is looked at."""

    program: Program
    member_id: str
    ended: bool
    told: Told


async def hold(connection: Connection, member_no: int) -> Watched:
    """What was told of a member, its row held until the transaction ends."""
    row = await queries.hold_told(connection, member_no=member_no)
    end = row["end_day"]
    told = Told(row["level"], None if end is None else end.toordinal(), row["seen_day"].toordinal())
    program = await programs.by_no(connection, row["program_no"])
    return Watched(program, row["member_id"], row["ended"] is not None, told)


async def tell(connection: Connection, member_no: int, told: Told, due_time: datetime | None) -> None:
    """Keeps what was told, and when to look again."""
    await queries.write_told(
        connection,
        member_no=member_no,
        level=told.level,
        end_day=None if told.end is None else date.fromordinal(told.end),
        seen_day=date.fromordinal(told.day),
        due_time=due_time,
    )


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims members whose tiers are to be looked at, until `lease_end`."""
    rows = queries.claim_member_tiers(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["member_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, member_no: int, due_time: datetime) -> None:
    """Sets when a member is looked at again."""
    await queries.put_off_member_tier(connection, member_no=member_no, due_time=due_time)
