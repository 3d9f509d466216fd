"""Members, and what their purchases earned in each calendar year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from asyncpg import Record

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection, Rerun
from membership.domain.members import Ended, Member
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.store import expiry_watches, queries


async def insert(
    connection: Connection, program: Program, member_ids: Sequence[str], enroll_time: datetime, actor: str
) -> list[Member]:
    """Enrols those of `member_ids` that were not there yet, and answers them: the writer then holds their rows."""
    settings = program.settings
    expires = settings.expiry is not None and settings.welcome_points > 0
    rows = queries.insert_members(
        connection,
        program_no=program.program_no,
        member_ids=sorted(member_ids),
        state=State.PENDING,
        enroll_time=enroll_time,
        welcome_points=settings.welcome_points,
        welcome_expire_time=settings.expiry.expire_time(enroll_time, program.time_zone)
        if settings.expiry and expires
        else None,
        actor=actor,
    )
    return await _watched(connection, program, [read(row) async for row in rows], enroll_time)


async def insert_imported(
    connection: Connection,
    program: Program,
    enroll_times: dict[str, datetime],
    welcome_points: int,
    now: datetime,
    actor: str,
) -> list[Member]:
    """Enrols those of the ids that were not there yet, as of their times; answers them, and the writer then holds
    their rows. What is given for enrolling is given now, and expires from now on.
    """
    expiry, member_ids = program.settings.expiry, sorted(enroll_times)
    rows = queries.import_members(
        connection,
        program_no=program.program_no,
        member_ids=member_ids,
        enroll_times=[enroll_times[one] for one in member_ids],
        state=State.PENDING,
        welcome_points=welcome_points,
        welcome_expire_time=expiry.expire_time(now, program.time_zone) if expiry and welcome_points else None,
        actor=actor,
    )
    return await _watched(connection, program, [read(row) async for row in rows], now)


async def _watched(connection: Connection, program: Program, enrolled: list[Member], now: datetime) -> list[Member]:
    """Has the welcome bonuses of new members looked at before they expire."""
    welcomes = ((one.member_no, one.welcome_expire_time) for one in enrolled)
    await expiry_watches.watch(connection, program, welcomes, now)
    return enrolled


async def end(connection: Connection, member_no: int, how: Ended) -> None:
    """Marks a member as closed or erased."""
    await queries.end_member(connection, member_no=member_no, ended=how)


async def count_alive(connection: Connection, program: Program) -> int:
    """How many members are neither closed nor erased."""
    counted: int = await queries.count_alive(connection, program_no=program.program_no)
    return counted


async def lock(connection: Connection, program: Program, member_ids: Sequence[str]) -> list[Member]:
    """Those of `member_ids` that exist, with their rows held until the transaction ends."""
    rows = queries.lock_members(connection, program_no=program.program_no, member_ids=member_ids)
    return [read(row) async for row in rows]


async def hold(connection: Connection, program: Program, member_id: str) -> Member:
    """One member, or the one who stands for it, its row held until the transaction ends.

    Raises:
        NotFound: there is no such member.
    """
    for member in await lock(connection, program, [member_id]):
        if member.ended is not Ended.MERGED:
            return member
        return (await hold_survivors(connection, program, [member]))[member.member_no]
    raise NotFound(f"{program.name}/members/{member_id}")


async def hold_survivors(connection: Connection, program: Program, merged: Sequence[Member]) -> dict[int, Member]:
    """Who stands for members who were merged, by the numbers of these; the rows are held.

    Raises:
        Rerun: they were merged into somebody else meanwhile.
    """
    who = await survivors(connection, [one.member_no for one in merged])
    held = await lock(connection, program, sorted({one.member_id for one in who.values()}))
    if any(one.ended is Ended.MERGED for one in held):
        raise Rerun
    by_no = {one.member_no: one for one in held}
    return {merged_no: by_no[one.member_no] for merged_no, one in who.items()}


async def survivors(connection: Connection, member_nos: Sequence[int]) -> dict[int, Member]:
    """Who stands for members who were merged, by the numbers of these."""
    rows = queries.survivors(connection, member_nos=member_nos)
    return {row["merged_no"]: read(row) async for row in rows}


async def merged_into(connection: Connection, member: Member) -> list[Member]:
    """The members for whom one stands."""
    return [read(row) async for row in queries.merged_into(connection, member_no=member.member_no)]


async def find(connection: Connection, program: Program, member_id: str) -> Member | None:
    """A member by its id, or the one who stands for it."""
    row = await queries.find_member(connection, program_no=program.program_no, member_id=member_id)
    if row is None:
        return None
    member = read(row)
    if member.ended is not Ended.MERGED:
        return member
    return (await survivors(connection, [member.member_no]))[member.member_no]


async def numbers(connection: Connection, program: Program, member_ids: Sequence[str]) -> dict[str, int]:
    """The numbers of members by their ids."""
    rows = queries.member_numbers(connection, program_no=program.program_no, member_ids=member_ids)
    return {row["member_id"]: row["member_no"] async for row in rows}


async def by_no(connection: Connection, member_no: int) -> Member:
    """A member as it is, whoever may stand for it."""
    return read(await queries.member_by_no(connection, member_no=member_no))


async def due(connection: Connection, member_nos: Sequence[int]) -> list[Member]:
    """Those of the members whose account and welcome bonus still have to reach the ledger, in the order of numbers."""
    rows = queries.members_to_deliver(connection, member_nos=member_nos, pending=State.PENDING)
    return [read(row) async for row in rows]


async def page(connection: Connection, program: Program, after: str, most: int) -> list[Member]:
    """Members in the order of their ids, from behind `after`."""
    rows = queries.list_members(connection, program_no=program.program_no, after=after, most=most)
    return [read(row) async for row in rows]


async def activate(connection: Connection, welcomes: Mapping[int, str]) -> None:
    """Marks members whose account is open and whose welcome bonus, where they have one, is in the ledger: by that
    transaction, or under none where it had lapsed.
    """
    await queries.activate_members(
        connection, member_nos=list(welcomes), welcome_transactions=list(welcomes.values()), state=State.POSTED
    )


async def years(connection: Connection, member_nos: Sequence[int], years: Sequence[int]) -> dict[tuple[int, int], int]:
    """Points by member number and year."""
    rows = queries.member_years(connection, member_nos=member_nos, years=years)
    return {(row["member_no"], row["year"]): row["points"] async for row in rows}


async def write_years(connection: Connection, points: dict[tuple[int, int], int]) -> None:
    """Sets the points of members' years, whose rows the writer holds."""
    keys = sorted(points)
    await queries.write_member_years(
        connection,
        member_nos=[member_no for member_no, _ in keys],
        years=[year for _, year in keys],
        points=[points[key] for key in keys],
    )


async def lower_year(connection: Connection, member_no: int, year: int, points: int) -> None:
    """Takes points off a member's year, whose row the writer holds."""
    await queries.lower_member_year(connection, member_no=member_no, year=year, points=points)


async def offer_until(connection: Connection, member_nos: Sequence[int], until: datetime) -> None:
    """Has purchases of members, whose rows the writer holds, looked at for personal offers until then at least."""
    await queries.offer_until(connection, member_nos=member_nos, until=until)


def read(row: Record) -> Member:
    """A member from its columns."""
    return Member(
        member_no=row["member_no"],
        member_id=row["member_id"],
        state=State(row["state"]),
        enroll_time=row["enroll_time"],
        welcome_points=row["welcome_points"],
        welcome_expire_time=row["welcome_expire_time"],
        ended=None if row["ended"] is None else Ended(row["ended"]),
        referred=row["referred"],
        offers_until=row["offers_until"],
    )
