"""Award programs and awards, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.awards import Action, Award, AwardProgram, AwardState, Nomination, Step
from recognition.domain.feed import FeedItem
from recognition.domain.recognitions import Visibility, Wanted
from recognition.domain.roles import Role, Standing
from recognition.store import payouts, queries
from recognition.store.chains import read_chain, write_chain
from recognition.store.positions import Position


class Key(NamedTuple):
    """What an award is found by: two ids."""

    organisation: str
    award: str


async def insert_program(connection: Connection, program: AwardProgram, actor: str) -> bool:
    """Whether its id was free."""
    inserted = await queries.insert_award_program(
        connection,
        organisation=program.organisation,
        award_program=program.id,
        display_name=program.display_name,
        award_budget=program.budget,
        amount_min=program.amount_min,
        amount_max=program.amount_max,
        nominators=[role.value for role in program.nominators],
        own_reports_only=program.own_reports_only,
        chain=write_chain(program.chain),
        actor=actor,
        create_time=program.create_time,
    )
    return inserted is not None


async def close_program(connection: Connection, organisation: str, program: str, actor: str) -> bool:
    """Whether there is such a program, which is closed now."""
    closed = await queries.close_award_program(
        connection, organisation=organisation, award_program=program, actor=actor
    )
    return closed is not None


async def find_program(connection: Connection, organisation: str, program: str) -> AwardProgram | None:
    """The program of that id."""
    row = await queries.find_award_program(connection, organisation=organisation, award_program=program)
    return None if row is None else _program(row)


async def list_programs(connection: Connection, organisation: str, after: str, most: int) -> list[AwardProgram]:
    """At most so many programs whose ids come after `after`, by id."""
    rows = queries.list_award_programs(connection, organisation=organisation, after=after, most=most)
    return [_program(row) async for row in rows]


async def insert(connection: Connection, award: Award, actor: str) -> None:
    """Writes a new award, without its steps."""
    nomination = award.nomination
    await queries.insert_award(
        connection,
        award_program=nomination.program,
        nominator=nomination.nominator,
        nominee=nomination.nominee,
        amount=nomination.amount,
        reason=nomination.reason,
        visibility=nomination.visibility.value,
        chain=write_chain(award.chain),
        actor=actor,
        create_time=award.create_time,
        **_moving(award),
    )


async def update(connection: Connection, award: Award) -> None:
    """Writes how far an award is that this transaction has locked."""
    await queries.update_award(connection, **_moving(award))


async def append(connection: Connection, award: Award, steps: Sequence[Step]) -> None:
    """Writes the steps that come after those that `award` has."""
    await queries.insert_award_steps(
        connection,
        organisation=award.nomination.organisation,
        award=award.id,
        after=len(award.steps),
        levels=[step.level for step in steps],
        actions=[step.action.value for step in steps],
        people=[step.person for step in steps],
        rights_of=[step.right_of for step in steps],
        comments=[step.comment for step in steps],
        actors=[step.actor for step in steps],
        step_times=[step.time for step in steps],
    )


async def lock(connection: Connection, organisation: str, award: str) -> Award | None:
    """The award of that id with its steps, about which nobody else decides until the transaction ends."""
    await queries.lock_award(connection, organisation=organisation, award=award)
    return await find(connection, organisation, award)


async def take_overdue(connection: Connection, now: datetime) -> Key | None:
    """One whose level's time is over, locked."""
    row = await queries.take_overdue_award(connection, now=now)
    return None if row is None else Key(row["organisation"], row["award"])


async def find(connection: Connection, organisation: str, award: str) -> Award | None:
    """The award of that id, with its steps."""
    row = await queries.find_award(connection, organisation=organisation, award=award)
    if row is None:
        return None
    steps = queries.find_award_steps(connection, organisation=organisation, award=award)
    return _award(row, tuple([_step(step) async for step in steps]))


async def list_given(connection: Connection, organisation: str, viewer: str | None, position: Position) -> list[Award]:
    """What was given and the viewer sees, newest first."""
    rows = queries.list_given_awards(connection, organisation=organisation, viewer=viewer, **position.parameters)
    return [_award(row) async for row in rows]


async def list_of_feed(
    connection: Connection, organisation: str, viewer: str | None, wanted: Wanted, position: Position
) -> list[FeedItem]:
    """What was given and the viewer sees, what was paid last first."""
    rows = queries.list_awards_of_feed(
        connection,
        organisation=organisation,
        viewer=viewer,
        person=wanted.person,
        team=wanted.team,
        **position.parameters,
    )
    return [FeedItem(row["settle_time"], row["award"], _award(row)) async for row in rows]


async def list_to_decide(
    connection: Connection, organisation: str, viewer: str, able: Mapping[str, Role], position: Position
) -> list[Award]:
    """What waits for one of `able`, as whom the viewer may decide, or for somebody with their role."""
    rows = queries.list_awards_to_decide(
        connection,
        organisation=organisation,
        viewer=viewer,
        people=list(able),
        roles=[role.value for role in able.values()],
        **position.parameters,
    )
    return [_award(row) async for row in rows]


async def list_of_nominator(
    connection: Connection, organisation: str, nominator: str, position: Position
) -> list[Award]:
    """Those that one person nominated."""
    rows = queries.list_awards_of_nominator(
        connection, organisation=organisation, nominator=nominator, **position.parameters
    )
    return [_award(row) async for row in rows]


async def list_all(connection: Connection, organisation: str, viewer: str | None, position: Position) -> list[Award]:
    """All, but for what the viewer would get and has not got."""
    rows = queries.list_all_awards(connection, organisation=organisation, viewer=viewer, **position.parameters)
    return [_award(row) async for row in rows]


async def holders(
    connection: Connection, organisation: str, roles: Collection[Role], excluded: Collection[str]
) -> dict[str, Standing]:
    """Some of those who have one of the roles, without those excluded."""
    rows = queries.staff_of_roles(
        connection, organisation=organisation, roles=[role.value for role in roles], excluded=list(excluded)
    )
    return {row["person"]: Standing(row["active"], Role(row["role"])) async for row in rows}


def _moving(award: Award) -> dict[str, object]:
    role = award.chain[award.level].approver.role if award.state is AwardState.IN_APPROVAL else None
    return {
        "organisation": award.nomination.organisation,
        "award": award.id,
        "state": award.state.value,
        "level": award.level,
        "approver": award.approver,
        "approver_role": role.value if role else "",
        "deadline": award.deadline,
        "payout": award.id if award.state is AwardState.APPROVED else None,
    }


def _program(row: asyncpg.Record) -> AwardProgram:
    return AwardProgram(
        organisation=row["organisation"],
        id=row["award_program"],
        display_name=row["display_name"],
        budget=row["award_budget"],
        amount_min=row["amount_min"],
        amount_max=row["amount_max"],
        nominators=tuple(Role(role) for role in row["nominators"]),
        own_reports_only=row["own_reports_only"],
        chain=read_chain(row["chain"]),
        closed=row["closed"],
        create_time=row["create_time"],
    )


def _award(row: asyncpg.Record, steps: tuple[Step, ...] = ()) -> Award:
    return Award(
        id=row["award"],
        nomination=Nomination(
            organisation=row["organisation"],
            program=row["award_program"],
            nominator=row["nominator"],
            nominee=row["nominee"],
            amount=row["amount"],
            reason=row["reason"],
            visibility=Visibility(row["visibility"]),
        ),
        chain=read_chain(row["chain"]),
        state=AwardState(row["state"]),
        level=row["level"],
        approver=row["approver"],
        deadline=row["deadline"],
        create_time=row["create_time"],
        progress=payouts.progress(row) if row["payout_state"] else None,
        steps=steps,
    )


def _step(row: asyncpg.Record) -> Step:
    return Step(
        level=row["level"],
        action=Action(row["action"]),
        person=row["person"],
        right_of=row["right_of"],
        comment=row["comment"],
        actor=row["actor"],
        time=row["step_time"],
    )
