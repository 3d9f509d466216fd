"""How long activity keeps members' points, and for whom the ledger has not heard of it yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.sliding import Span
from membership.store import members, programs, queries


class Due(NamedTuple):
    """A member whose open lots are to be kept as long as the span says."""

    program: Program
    member: Member
    span: Span
    round: int


async def of(connection: Connection, member_nos: Iterable[int]) -> dict[int, Span]:
    """The spans of members who have one."""
    rows = queries.slides_of_members(connection, member_nos=sorted(member_nos))
    return {row["member_no"]: Span(row["since"], row["until"]) async for row in rows}


async def write(
    connection: Connection, program: Program, spans: Mapping[int, Span], longer: Set[int], now: datetime
) -> None:
    """Writes the spans of members, whose rows the writer holds; the ledger is asked for those that live `longer`."""
    numbers = sorted(spans)
    await queries.write_slides(
        connection,
        program_no=program.program_no,
        member_nos=numbers,
        sinces=[spans[one].since for one in numbers],
        untils=[spans[one].until for one in numbers],
        record_time=now,
        due_times=[now if one in longer else None for one in numbers],
    )


async def overtake(
    connection: Connection, program: Program, came: Iterable[tuple[str, datetime, datetime | None]], now: datetime
) -> None:
    """Has the ledger asked again for members whose points have come there after it was asked: by their ids, with when
    the points were recorded and expire.
    """
    expiring = [one for one in came if one[2] is not None]
    await queries.overtake_slides(
        connection,
        program_no=program.program_no,
        member_ids=[member_id for member_id, _, _ in expiring],
        record_times=[record_time for _, record_time, _ in expiring],
        expire_times=[expire_time for _, _, expire_time in expiring],
        due_time=now,
    )


async def wake(connection: Connection, member_no: int, due_time: datetime) -> None:
    """Has the ledger asked again for a member who has a span."""
    await queries.wake_slide(connection, member_no=member_no, due_time=due_time)


async def find(connection: Connection, member_no: int) -> Due | None:
    """What the ledger is to be asked for; None where it has been."""
    row = await queries.due_slide(connection, member_no=member_no)
    if row is None:
        return None
    program, member = await programs.by_no(connection, row["program_no"]), await members.by_no(connection, member_no)
    return Due(program, member, Span(row["since"], row["until"]), row["round"])


async def finish(connection: Connection, due: Due) -> None:
    """Writes that the ledger has been asked, or need not be."""
    await queries.end_slide(connection, member_no=due.member.member_no, round=due.round)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims members whose lots are to be extended, until `lease_end`."""
    rows = queries.claim_slides(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["member_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, member_no: int, due_time: datetime) -> None:
    """Sets when a member is taken up again."""
    await queries.put_off_slide(connection, member_no=member_no, due_time=due_time)
