"""Types of activity, and activities: judged once and not changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.activities import (
    Activity,
    ActivityTerms,
    ActivityType,
    Asked,
    Judgement,
    Occasion,
    Past,
    Spans,
    Withheld,
)
from membership.domain.late_activities import Before
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.store import queries
from membership.store.policies import expiry_column, read_expiry


async def insert_version(
    connection: Connection,
    program: Program,
    type_id: str,
    version: int,
    terms: ActivityTerms,
    now: datetime,
    actor: str,
) -> None:
    """Writes a version of a type. The first one is written with the type, others by who holds its row."""
    await queries.insert_activity_type_version(
        connection,
        program_no=program.program_no,
        type_id=type_id,
        version=version,
        display_name=terms.display_name,
        points=terms.points,
        day_cap=terms.day_cap,
        week_cap=terms.week_cap,
        month_cap=terms.month_cap,
        total_cap=terms.total_cap,
        cooldown=terms.cooldown,
        expiry=expiry_column(terms.expiry),
        create_time=now,
        actor=actor,
    )
    await queries.advance_activity_type(connection, program_no=program.program_no, type_id=type_id, version=version)


async def hold_type(connection: Connection, program: Program, type_id: str) -> ActivityType | None:
    """A type, its row held until the transaction ends."""
    held = await queries.hold_activity_type(connection, program_no=program.program_no, type_id=type_id)
    return None if held is None else await find_type(connection, program, type_id)


async def find_type(connection: Connection, program: Program, type_id: str) -> ActivityType | None:
    """A type by its id."""
    row = await queries.find_activity_type(connection, program_no=program.program_no, type_id=type_id)
    return None if row is None else _type(row)


async def list_types(connection: Connection, program: Program, after: str, most: int) -> list[ActivityType]:
    """Types in the order of their ids, from behind `after`."""
    rows = queries.list_activity_types(connection, program_no=program.program_no, after=after, most=most)
    return [_type(row) async for row in rows]


async def archive_type(connection: Connection, program: Program, type_id: str) -> None:
    """Archives a type, whose row the writer holds."""
    await queries.archive_activity_type(connection, program_no=program.program_no, type_id=type_id)


async def past(connection: Connection, member_no: int, type_id: str, event_time: datetime, within: Spans) -> Past:
    """What of a member's activities of a type was awarded, around `event_time`, in whose spans these are counted."""
    row = await queries.past_activities(
        connection,
        member_no=member_no,
        type_id=type_id,
        event_time=event_time,
        day_start=within.day[0],
        day_end=within.day[1],
        week_start=within.week[0],
        week_end=within.week[1],
        month_start=within.month[0],
        month_end=within.month[1],
    )
    return Past(*row)


async def find_type_at(connection: Connection, program: Program, type_id: str, moment: datetime) -> ActivityType | None:
    """A type by its id, with the terms that were in force at a moment."""
    row = await queries.find_activity_type_at(connection, program_no=program.program_no, type_id=type_id, moment=moment)
    return None if row is None else _type(row)


async def later(connection: Connection, member_no: int, asked: Asked) -> list[Activity]:
    """A member's activities of the type of one, from behind it on, in their order."""
    rows = queries.later_activities(connection, **_place(member_no, asked))
    return [_activity(row) async for row in rows]


async def before(connection: Connection, member_no: int, asked: Asked, since: datetime) -> Before:
    """What of a member's activities of the type of one was awarded before it, with the times from `since` on."""
    row = await queries.activities_before(connection, **_place(member_no, asked), since=since)
    return Before(*row)


async def rejudge(connection: Connection, program: Program, rejudged: Sequence[Activity]) -> None:
    """Writes how recorded activities are judged now; the writer holds their member's row."""
    await queries.rejudge_activities(
        connection,
        program_no=program.program_no,
        activity_ids=[one.asked.activity_id for one in rejudged],
        points=[one.judgement.points for one in rejudged],
        withheld=[one.judgement.withheld for one in rejudged],
        again_times=[one.judgement.again_time for one in rejudged],
        bonus_ids=[one.given_as for one in rejudged],
    )


def _place(member_no: int, asked: Asked) -> dict[str, Any]:
    return {
        "member_no": member_no,
        "type_id": asked.type_id,
        "event_time": asked.event_time,
        "activity_id": asked.activity_id,
    }


@dataclass(frozen=True, slots=True)
class NewActivities:
    """Judged activities of one type at one time, by their ids, and the numbers of their members."""

    type_id: str
    version: int
    event_time: datetime
    attributes: dict[str, str]
    judgement: Judgement
    ids: Sequence[str]
    member_nos: Sequence[int]


async def insert(
    connection: Connection, program: Program, new: NewActivities, record_time: datetime, actor: str
) -> set[str]:
    """Writes those activities that were not recorded yet, and answers their ids."""
    rows = queries.insert_activities(
        connection,
        program_no=program.program_no,
        type_id=new.type_id,
        version=new.version,
        event_time=new.event_time,
        record_time=record_time,
        attributes=new.attributes,
        points=new.judgement.points,
        withheld=new.judgement.withheld,
        again_time=new.judgement.again_time,
        actor=actor,
        activity_ids=new.ids,
        member_nos=new.member_nos,
    )
    return {row["activity_id"] async for row in rows}


async def find(connection: Connection, program: Program, activity_id: str) -> Activity | None:
    """An activity by its id."""
    row = await queries.find_activity(connection, program_no=program.program_no, activity_id=activity_id)
    return None if row is None else _activity(row)


async def page(
    connection: Connection, member_no: int, before_time: datetime, before_id: str, most: int
) -> list[Activity]:
    """A member's activities, from the latest to the first, from behind the one given."""
    rows = queries.list_activities(
        connection, member_no=member_no, before_time=before_time, before_id=before_id, most=most
    )
    return [_activity(row) async for row in rows]


async def erase(connection: Connection, member_no: int) -> None:
    """Deletes the attributes of a member's activities."""
    await queries.erase_activities(connection, member_no=member_no)


def _type(row: Record) -> ActivityType:
    return ActivityType(
        type_id=row["type_id"],
        occasion=None if row["occasion"] is None else Occasion(row["occasion"]),
        version=row["version"],
        terms=_terms(row, row["points"]),
        archived=row["archived"],
        create_time=row["type_create_time"],
        update_time=row["create_time"],
    )


def _terms(row: Record, points: int) -> ActivityTerms:
    cooldown: timedelta | None = row["cooldown"]
    return ActivityTerms(
        display_name=row["display_name"],
        points=points,
        day_cap=row["day_cap"],
        week_cap=row["week_cap"],
        month_cap=row["month_cap"],
        total_cap=row["total_cap"],
        cooldown=cooldown,
        expiry=read_expiry(row["expiry"]),
    )


def _activity(row: Record) -> Activity:
    withheld = row["withheld"]
    return Activity(
        asked=Asked(row["activity_id"], row["member_id"], row["type_id"], row["event_time"], row["attributes"]),
        version=row["version"],
        terms=_terms(row, row["type_points"]),
        judgement=Judgement(row["points"], None if withheld is None else Withheld(withheld), row["again_time"]),
        record_time=row["record_time"],
        expire_time=None if withheld else row["expire_time"],
        state=None if withheld or row["state"] is None else State(row["state"]),
        given_as=row["bonus_id"],
    )
