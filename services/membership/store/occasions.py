"""Occasions: which types are due, and whose day it is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.activities import ActivityType, Occasion, same_day
from membership.domain.members import Member
from membership.domain.program import Program
from membership.store import members, programs, queries

Key = tuple[int, str]
"""The number of a program, and the id of a type."""


async def insert(connection: Connection, program: Program, one: ActivityType) -> bool:
    """Writes a type; answers False where its id or its occasion is taken. An occasion is due at once: its first day is
    the one on which it is made.
    """
    made_on = one.create_time.astimezone(ZoneInfo(program.time_zone)).date()
    written: int = await queries.insert_activity_type(
        connection,
        program_no=program.program_no,
        type_id=one.type_id,
        occasion=one.occasion,
        create_time=one.create_time,
        given_through=made_on - timedelta(days=1) if one.occasion else None,
        due_time=one.create_time if one.occasion else None,
    )
    return bool(written)


async def taken_by(connection: Connection, program: Program, occasion: Occasion) -> str | None:
    """The id of the type that a program has for an occasion."""
    row = await queries.find_occasion(connection, program_no=program.program_no, occasion=occasion)
    return None if row is None else str(row["type_id"])


async def find(connection: Connection, key: Key) -> tuple[Program, date] | None:
    """An occasion's program, and the last day whose bonuses are given; None where the type is archived."""
    row = await queries.due_occasion(connection, program_no=key[0], type_id=key[1])
    return None if row is None else (await programs.by_no(connection, key[0]), row["given_through"])


async def celebrating(
    connection: Connection, program: Program, occasion: Occasion, day: date, after: int, most: int
) -> list[Member]:
    """Members whose day it is, in the order of their numbers, from behind `after`, their rows held."""
    days = [month * 100 + day_ for month, day_ in same_day(day)]
    common = {"program_no": program.program_no, "days": days, "day": day, "after": after, "most": most}
    if occasion is Occasion.BIRTHDAY:
        day_end = first_instant(day + timedelta(days=1), ZoneInfo(program.time_zone))
        rows = queries.birthdays(connection, day_end=day_end, **common)
    else:
        rows = queries.anniversaries(connection, time_zone=program.time_zone, **common)
    return [members.read(row) async for row in rows]


async def finish_day(connection: Connection, key: Key, day: date) -> None:
    """Keeps that all bonuses of a day are given."""
    await queries.finish_day(connection, program_no=key[0], type_id=key[1], day=day)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[Key]]:
    """Claims occasions that are due, until `lease_end`."""
    rows = queries.claim_occasions(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program_no"], row["type_id"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Sets when an occasion is looked at again."""
    await queries.put_off_occasion(connection, program_no=key[0], type_id=key[1], due_time=due_time)
