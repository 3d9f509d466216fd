"""Members who were merged into others, and what is still to be moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.members import Member
from membership.domain.merging import Merge, Part, Step
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.store import members, programs, queries


async def insert(
    connection: Connection,
    program: Program,
    member: Member,
    into: Member,
    actor: str,
    due_time: datetime,
) -> None:
    """Has `into` stand for a member, with the tier credit, activities, personal offers, periods of plans and counted
    caps of both. The writer holds both rows.
    """
    numbers = {"member_no": member.member_no, "into": into.member_no}
    await queries.merge_member(connection, **numbers)
    await queries.move_years(connection, **numbers)
    await queries.empty_years(connection, member_no=member.member_no)
    await queries.move_days(connection, **numbers)
    await queries.empty_days(connection, member_no=member.member_no)
    await queries.move_activities(connection, **numbers)
    await queries.move_rule_uses(connection, **numbers)
    await queries.move_member_purchases(connection, **numbers)
    await queries.empty_member_purchases(connection, member_no=member.member_no)
    await queries.move_personal_offers(connection, **numbers)
    await queries.move_plan_periods(connection, **numbers)
    await queries.move_offers_until(connection, **numbers)
    await queries.move_rule_counts(connection, **numbers)
    await queries.empty_rule_counts(connection, member_no=member.member_no)
    await queries.move_count_awards(connection, **numbers)
    await queries.move_profile_requests(connection, **numbers)
    await queries.insert_merge(
        connection,
        member_no=member.member_no,
        program_no=program.program_no,
        actor=actor,
        due_time=due_time,
    )


async def find(connection: Connection, member_no: int) -> Merge | None:
    """How far a merge has come; None where the member was merged into nobody."""
    row = await queries.find_merge(connection, member_no=member_no)
    if row is None:
        return None
    return Merge(
        program=await programs.by_no(connection, row["program_no"]),
        member=await members.by_no(connection, member_no),
        into=(await members.survivors(connection, [member_no]))[member_no],
        actor=row["actor"],
        reverses_welcome=row["reverses_welcome"],
        last_step=row["step"],
        step=None if row["part"] is None else Step(row["step"], Part(row["part"]), row["points"], row["unit_id"]),
        done=row["done"],
    )


async def begin(connection: Connection, merge: Merge, step: Step) -> None:
    """Writes what the ledger is asked for next."""
    await queries.begin_merge_step(
        connection,
        member_no=merge.member.member_no,
        step=step.number,
        part=step.part,
        points=step.points,
        unit_id=step.unit,
    )


async def end(connection: Connection, merge: Merge) -> None:
    """Writes that the outcome of the last step is known."""
    await queries.end_merge_step(connection, member_no=merge.member.member_no, step=merge.last_step)


async def welcomed(connection: Connection, member_nos: Sequence[int]) -> dict[int, int]:
    """Of people, those whose welcome bonus stays: the number of the member under whose id each has it."""
    return {row["person_no"]: row["member_no"] async for row in queries.welcomed(connection, member_nos=member_nos)}


async def begin_welcome(connection: Connection, member_no: int, due_time: datetime) -> None:
    """Has the welcome bonus of one who was merged reversed."""
    await queries.begin_merge_welcome(connection, member_no=member_no, due_time=due_time)


async def welcome_transaction(connection: Connection, merge: Merge) -> str:
    """The ledger's transaction of the welcome bonus that the member was given; empty where it had lapsed."""
    found: str | None = await queries.welcome_transaction(connection, member_no=merge.member.member_no)
    return found or ""


async def end_welcome(connection: Connection, merge: Merge) -> None:
    """Writes that the welcome bonus is reversed."""
    await queries.end_merge_welcome(connection, member_no=merge.member.member_no)


async def rest(connection: Connection, merge: Merge, due_time: datetime) -> None:
    """Writes that nothing was left; it is looked at again at `due_time`."""
    await queries.rest_merge(connection, member_no=merge.member.member_no, step=merge.last_step, due_time=due_time)


async def wake(connection: Connection, member_no: int, due_time: datetime) -> None:
    """Has a merge looked at again: something will have come to the account by `due_time`."""
    await queries.wake_merge(connection, member_no=member_no, due_time=due_time)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims merges that are due, until `lease_end`."""
    rows = queries.claim_merges(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["member_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, member_no: int, due_time: datetime) -> None:
    """Sets when a merge is taken up again."""
    await queries.put_off_merge(connection, member_no=member_no, due_time=due_time)


async def coming(connection: Connection, merge: Merge) -> bool:
    """Whether something is on its way to the account of the member who was merged."""
    found: bool = await queries.coming_to_member(
        connection,
        program_no=merge.program.program_no,
        member_no=merge.member.member_no,
        pending=State.PENDING,
        posted=State.POSTED,
    )
    return found


async def changing(connection: Connection, member_nos: Sequence[int]) -> bool:
    """Whether one of the members is being closed, or has another's points still on their way."""
    found: bool = await queries.changing_members(connection, member_nos=member_nos)
    return found


async def moving(connection: Connection, member: Member) -> bool:
    """Whether points of one who was merged into the member are still on their way."""
    found: bool = await queries.moving_into(connection, member_no=member.member_no)
    return found


async def same_people(connection: Connection, program: Program, said: Sequence[tuple[str, str]]) -> set[str]:
    """Of purchases and the members who are said to have bought them: the ids of those that are recorded for the same
    person under another id.
    """
    rows = queries.same_people(
        connection,
        program_no=program.program_no,
        purchase_ids=[purchase_id for purchase_id, _ in said],
        member_ids=[member_id for _, member_id in said],
    )
    return {row["purchase_id"] async for row in rows}
