"""When members' points are looked at for what expires soon, and up to which day that was told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.program import Program
from membership.domain.reminders import next_look, over_day
from membership.store import queries


class Watch(NamedTuple):
    """That a member's points are to be looked at."""

    program_no: int
    member_no: int
    seen_day: date
    round: int


async def watch(
    connection: Connection, program: Program, expiring: Iterable[tuple[int, datetime | None]], now: datetime
) -> None:
    """Has members looked at when a reminder of points that they are given is due: by their numbers, with the expiries.
    Those whose day is over are none. Programs without reminders pay nothing.
    """
    days = program.settings.expiry_reminder_days
    if not days:
        return
    zone = ZoneInfo(program.time_zone)
    today = now.astimezone(zone).date()
    due_times: dict[int, datetime] = {}
    over_days: dict[int, date] = {}
    for member_no, expire_time in expiring:
        look = next_look([(1, expire_time)], days, zone, today) if expire_time else None
        if look is not None:
            due_times[member_no] = min(look, due_times.get(member_no, look))
        over = over_day(expire_time, days, zone, today) if expire_time else None
        if over is not None:
            over_days[member_no] = max(over, over_days.get(member_no, over))
    if over_days:
        await queries.pass_reminders(
            connection, member_nos=list(over_days), over_days=list(over_days.values()), now=now
        )
    numbers = sorted(due_times)
    await queries.watch_expiries(
        connection,
        program_no=program.program_no,
        today=today,
        member_nos=numbers,
        due_times=[due_times[one] for one in numbers],
    )


async def merge(connection: Connection, member_no: int, into: int) -> None:
    """Has the survivor of a merge looked at when either would have been; what either was told is not told again."""
    await queries.merge_expiry_watch(connection, member_no=member_no, into=into)


async def find(connection: Connection, member_no: int) -> Watch | None:
    """A member who is to be looked at."""
    row = await queries.due_expiry_watch(connection, member_no=member_no)
    return None if row is None else Watch(row["program_no"], member_no, row["seen_day"], row["round"])


async def move(connection: Connection, one: Watch, seen_day: date, due_time: datetime | None) -> bool:
    """Keeps that all is told up to a day, and when to look again; answers False where the look was overtaken."""
    moved: int = await queries.move_expiry_watch(
        connection, member_no=one.member_no, round=one.round, seen_day=seen_day, due_time=due_time
    )
    return bool(moved)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims members who are to be looked at, until `lease_end`."""
    rows = queries.claim_expiry_watches(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["member_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, member_no: int, due_time: datetime) -> None:
    """Sets when a member is looked at again."""
    await queries.put_off_expiry_watch(connection, member_no=member_no, due_time=due_time)
