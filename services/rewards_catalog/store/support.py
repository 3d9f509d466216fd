"""Cases and goodwill in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from rewards_catalog.domain.limits import Span
from rewards_catalog.domain.support import Case, Goodwill, GoodwillLimit, GoodwillState
from rewards_catalog.store import queries

Key = tuple[str, str, str]
"""Program, case and goodwill."""


async def insert_case(connection: Connection, case: Case) -> None:
    """Keeps a new case."""
    await queries.insert_case(
        connection,
        program=case.program,
        id=case.id,
        member=case.member,
        subject=case.subject,
        opener=case.opener,
        create_time=case.create_time,
    )


async def get_case(connection: Connection, program: str, case: str, *, lock: bool = False) -> Case:
    """The case; with `lock` nobody else changes it, or gives in it, until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    if lock:
        await queries.lock_case(connection, program=program, id=case)
    row = await queries.find_case(connection, program=program, id=case)
    if row is None:
        raise NotFound(f"programs/{program}/cases/{case}")
    return Case(**row)


async def close_case(connection: Connection, case: Case, *, closer: str, time: datetime) -> None:
    """Closes a case, unless it is closed."""
    await queries.close_case(connection, program=case.program, id=case.id, closer=closer, close_time=time)


async def newest(
    connection: Connection, program: str, member: str, before: tuple[datetime, str], most: int
) -> list[Case]:
    """Cases, newest first, that come before the given time and id; of one member, or of all (empty)."""
    key = {"program": program, "before_time": before[0], "before_id": before[1], "most": most}
    if member:
        rows = queries.list_cases_of_member(connection, **key, member=member)
    else:
        rows = queries.list_cases(connection, **key)
    return [Case(**row) async for row in rows]


async def set_limit(connection: Connection, limit: GoodwillLimit) -> None:
    """Puts a limit in force."""
    await queries.set_goodwill_limit(
        connection, program=limit.program, unit=limit.unit, daily_points=limit.daily_points
    )


async def limit_of(connection: Connection, program: str, unit: str) -> int:
    """How many points of the unit each agent may give alone in a day."""
    found: int | None = await queries.find_goodwill_limit(connection, program=program, unit=unit)
    return found or 0


async def given_alone(connection: Connection, program: str, unit: str, agent: str, span: Span) -> int:
    """How many points of the unit the agent gave alone in the span; what else it gives waits for this transaction."""
    await queries.lock_goodwill_agent(connection, program=program, unit=unit, agent=agent)
    given: int = await queries.sum_goodwill_alone(
        connection, program=program, unit=unit, agent=agent, start_time=span.start_time, end_time=span.end_time
    )
    return given


async def insert(connection: Connection, goodwill: Goodwill, due_time: datetime) -> None:
    """Keeps new goodwill; the recovery loop looks at it at `due_time` if it has not come to rest."""
    await queries.insert_goodwill(
        connection,
        **_key(goodwill),
        account=goodwill.account,
        unit=goodwill.unit,
        points=goodwill.points,
        expire_time=goodwill.expire_time,
        alone=goodwill.alone,
        agent=goodwill.agent,
        create_time=goodwill.create_time,
        due_time=due_time,
    )


async def count(connection: Connection, case: Case) -> int:
    """How often goodwill was given in the case."""
    counted: int = await queries.count_goodwill(connection, program=case.program, case=case.id)
    return counted


async def get(connection: Connection, program: str, case: str, goodwill: str) -> Goodwill:
    """The goodwill as it is now.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_goodwill(connection, program=program, case=case, id=goodwill)
    if row is None:
        raise NotFound(f"programs/{program}/cases/{case}/goodwill/{goodwill}")
    return _goodwill(row)


async def of_case(connection: Connection, case: Case) -> list[Goodwill]:
    """What was given in a case, oldest first."""
    return [_goodwill(row) async for row in queries.list_goodwill(connection, program=case.program, case=case.id)]


async def move(connection: Connection, before: Goodwill, after: Goodwill, due_time: datetime | None) -> bool:
    """Moves goodwill from `before` to `after`; False, and nothing is done, where it is no longer as `before`."""
    moved = await queries.move_goodwill(
        connection,
        **_key(before),
        from_state=before.state,
        from_alone=before.alone,
        alone=after.alone,
        state=after.state,
        transaction=after.transaction,
        adjustment=after.adjustment,
        refusal=after.refusal,
        due_time=due_time,
    )
    return bool(moved)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> Sequence[Claim[Key]]:
    """Takes up to `most` that are due, until the lease ends."""
    rows = queries.claim_goodwill(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program"], row["case"], row["id"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, goodwill: Key, due_time: datetime) -> None:
    """Has the recovery loop take the goodwill again at `due_time`, unless it has come to rest."""
    program, case, id_ = goodwill
    await queries.put_off_goodwill(connection, program=program, case=case, id=id_, due_time=due_time)


def _key(goodwill: Goodwill) -> dict[str, str]:
    return {"program": goodwill.program, "case": goodwill.case, "id": goodwill.id}


def _goodwill(row: asyncpg.Record) -> Goodwill:
    return Goodwill(**{**dict(row), "state": GoodwillState(row["state"])})
