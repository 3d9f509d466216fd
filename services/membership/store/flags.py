"""Velocity policies, what they count, and the flags of awards that passed their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from guerdon_kit.postgres import Connection
from membership.domain.flags import Flag, FlagState
from membership.domain.program import Program
from membership.domain.velocity import Counted, Key, Limit, Passed, Period, Subject, VelocityPolicy
from membership.store import queries


class Watch(NamedTuple):
    """A program's policy, as a revision of its rules."""

    policy: VelocityPolicy
    revision: int
    create_time: datetime


async def policy(connection: Connection, program: Program) -> Watch | None:
    """The latest policy of a program, if it has one."""
    row = await queries.velocity_policy(connection, program_no=program.program_no)
    if row is None:
        return None
    limits = tuple(map(_read_limit, row["limits"]))
    return Watch(VelocityPolicy(limits, row["hold_flagged"]), row["revision"], row["create_time"])


async def set_policy(
    connection: Connection, program: Program, new: VelocityPolicy, revision: int, now: datetime, actor: str
) -> None:
    """Writes a policy, the next revision of the program's rules; the writer holds them."""
    await queries.insert_velocity_policy(
        connection,
        program_no=program.program_no,
        revision=revision,
        hold_flagged=new.hold_flagged,
        limits=new.limits,
        create_time=now,
        actor=actor,
    )


async def count(
    connection: Connection, program: Program, more: Mapping[Key, Counted], now: datetime
) -> dict[Key, Counted]:
    """Adds to counts; answers what they are then. Their rows are held from here on: taken in one order, and by
    transactions that then wait for nothing.
    """
    wanted = sorted(more)
    rows = queries.count_velocity(
        connection,
        program_no=program.program_no,
        subjects=[key.subject for key in wanted],
        values=[key.value for key in wanted],
        periods=[key.period for key in wanted],
        starts=[key.period.start(now, program.time_zone) for key in wanted],
        purchases=[more[key].purchases for key in wanted],
        points=[more[key].points for key in wanted],
    )
    return {
        Key(Subject(row["subject"]), row["value"], Period(row["period"])): Counted(row["purchases"], row["points"])
        async for row in rows
    }


async def insert(
    connection: Connection, program: Program, new: Mapping[str, tuple[int, Flag]], record_time: datetime
) -> None:
    """Writes the flags of awards, by their purchases' ids and with the numbers of their members."""
    await queries.insert_award_flags(
        connection,
        program_no=program.program_no,
        record_time=record_time,
        purchase_ids=list(new),
        member_nos=[member_no for member_no, _ in new.values()],
        passed=[flag.passed for _, flag in new.values()],
        states=[flag.state for _, flag in new.values()],
    )


async def of_purchases(connection: Connection, program: Program, purchase_ids: Sequence[str]) -> dict[str, Flag]:
    """The flags of awards, by their purchases' ids."""
    rows = queries.award_flags(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    return {
        row["purchase_id"]: Flag(
            FlagState(row["state"]),
            tuple(Passed(_read_limit(limit), value, Counted(*counted)) for limit, value, counted in row["passed"]),
            row["decide_time"],
            row["actor"],
            row["reason"],
        )
        async for row in rows
    }


async def held(connection: Connection, program: Program, after: str, most: int) -> list[str]:
    """The ids of purchases whose awards are held, after one of them."""
    rows = queries.held_awards(connection, program_no=program.program_no, after=after, most=most)
    return [row["purchase_id"] async for row in rows]


async def count_held(connection: Connection, member_no: int) -> int:
    """How many awards of a member are held."""
    counted: int = await queries.count_held_of(connection, member_no=member_no)
    return counted


async def decide(
    connection: Connection,
    program: Program,
    purchase_id: str,
    state: FlagState,
    now: datetime,
    actor: str,
    reason: str,
) -> None:
    """Keeps what was decided; the writer holds the member's row."""
    await queries.decide_award(
        connection,
        program_no=program.program_no,
        purchase_id=purchase_id,
        state=state,
        decide_time=now,
        actor=actor,
        reason=reason,
    )


async def erase(connection: Connection, member_no: int) -> None:
    """Erases the words that were said about a member's awards."""
    await queries.erase_reasons(connection, member_no=member_no)


def _read_limit(kept: list[Any]) -> Limit:
    subject, period, max_purchases, max_points = kept
    return Limit(Subject(subject), Period(period), max_purchases, max_points)
