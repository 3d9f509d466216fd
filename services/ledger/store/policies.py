"""Programs' policies as they are stored: one row for each change, the newest in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from guerdon_kit.postgres import Connection, Rerun, load_queries
from ledger.domain.model import Program
from ledger.domain.policies import Policies

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
            limits = dict(zip(row["limit_units"], row["adjustment_limits"], strict=True))
            found[row["program"]] = (row["number"], Policies(limits, row["restored_lot_grace"]))
    return found


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
