"""Programs' policies as they are stored: one row for each change, the newest in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from guerdon_kit.postgres import Connection, Rerun, load_queries
from ledger.domain.model import Program
from ledger.domain.policies import Policies, PolicyChange

queries = load_queries("ledger")

NEWEST = 2**31 - 1


async def read(
    connection: Connection, programs: Iterable[Program], up_to: int = NEWEST
) -> dict[int, tuple[int, Policies]]:
    """What these programs' policies are, by number of the program, each with the number of the change that made them
    so, 0 where there was none. `up_to` leaves out later changes.
    """
    found: dict[int, tuple[int, Policies]] = {}
    by_shard: dict[int, set[int]] = {}
    for program in programs:
        found[program.number] = (0, Policies())
        by_shard.setdefault(program.shard, set()).add(program.number)
    for shard, numbers in sorted(by_shard.items()):
        async for row in queries.policies_of(connection, shard=shard, programs=sorted(numbers), up_to=up_to):
            found[row["program"]] = (row["number"], _policies(row))
    return found


async def changes(connection: Connection, program: Program, before: int, limit: int) -> list[PolicyChange]:
    """The newest changes of a program's policies with a number below `before`, newest first."""
    found = queries.policy_changes(connection, shard=program.shard, program=program.number, before=before, limit=limit)
    return [PolicyChange(row["number"], _policies(row), row["actor"], row["record_time"]) async for row in found]


def _policies(row: Any) -> Policies:
    limits = dict(zip(row["limit_units"], row["adjustment_limits"], strict=True))
    return Policies(limits, row["restored_lot_grace"])


async def insert(
    connection: Connection, program: Program, number: int, policies: Policies, actor: str, now: datetime
) -> None:
    """Writes the change with that number. Raises Rerun where somebody else has made one since."""
    inserted = await queries.insert_policy_change(
        connection,
        shard=program.shard,
        program=program.number,
        number=number,
        limit_units=list(policies.adjustment_limits),
        adjustment_limits=list(policies.adjustment_limits.values()),
        restored_lot_grace=policies.restored_lot_grace,
        actor=actor,
        record_time=now,
    )
    if not inserted:
        raise Rerun
