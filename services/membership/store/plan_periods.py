"""The periods for which members bought plans. Written under the lock on the member's row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from asyncpg import Record

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.moments import from_microseconds
from membership.domain.plans import Period
from membership.domain.program import Program
from membership.store import programs, queries


async def insert(connection: Connection, program: Program, member_no: int, period: Period, actor: str) -> int:
    """Writes a period, which is looked at when it ends; answers its number."""
    number: int = await queries.insert_plan_period(
        connection,
        program_no=program.program_no,
        member_no=member_no,
        plan_id=period.plan_id,
        start_time=period.start_time,
        end_time=period.end_time,
        run_start_time=period.run_start_time,
        run_months=period.run_months,
        price=period.price,
        buy_time=period.buy_time,
        actor=actor,
    )
    return number


async def standing(connection: Connection, member_nos: Sequence[int], after: datetime) -> dict[int, list[Period]]:
    """What members hold or will hold after a time, by their numbers; those who hold nothing are absent."""
    found: dict[int, list[Period]] = {}
    async for row in queries.standing_plan_periods(connection, member_nos=member_nos, after=after):
        found.setdefault(row["member_no"], []).append(_period(row))
    return found


async def some(connection: Connection, period_nos: Sequence[int]) -> list[Period]:
    """Periods by their numbers, in the order of their beginnings."""
    return [_period(row) async for row in queries.plan_periods(connection, period_nos=period_nos)]


async def page(connection: Connection, member_no: int, before: int, most: int) -> list[Period]:
    """All that a member bought, the latest first, from before a number on."""
    rows = queries.list_plan_periods(connection, member_no=member_no, before=before, most=most)
    return [_period(row) async for row in rows]


async def use(connection: Connection, uses: Iterable[tuple[int, int]]) -> None:
    """Marks what members, by their numbers, used at moments in microseconds."""
    each = sorted(set(uses))
    if each:
        await queries.use_plan_periods(
            connection,
            member_nos=[member_no for member_no, _ in each],
            moments=[from_microseconds(moment_us) for _, moment_us in each],
        )


async def cancel(connection: Connection, period_nos: Sequence[int], now: datetime) -> None:
    """Cancels periods."""
    await queries.cancel_plan_periods(connection, period_nos=period_nos, now=now)


async def owner(connection: Connection, period_no: int) -> tuple[Program, int] | None:
    """Whose a period is of which nobody was told yet that it is over: the program and the member's number."""
    row = await queries.plan_period_owner(connection, period_no=period_no)
    return None if row is None else (await programs.by_no(connection, row["program_no"]), row["member_no"])


async def end(connection: Connection, period_no: int) -> None:
    """Keeps that it was told that a period is over."""
    await queries.end_plan_period(connection, period_no=period_no)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[int]]:
    """Claims periods that have ended, until `lease_end`."""
    rows = queries.claim_plan_periods(connection, now=now, lease_end=lease_end, most=most)
    return [Claim(row["period_no"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, period_no: int, due_time: datetime) -> None:
    """Sets when a period is looked at again."""
    await queries.put_off_plan_period(connection, period_no=period_no, due_time=due_time)


def _period(row: Record) -> Period:
    return Period(
        plan_id=row["plan_id"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        run_start_time=row["run_start_time"],
        run_months=row["run_months"],
        price=row["price"],
        buy_time=row["buy_time"],
        used=row["used"],
        cancel_time=row["cancel_time"],
        period_no=row["period_no"],
    )
