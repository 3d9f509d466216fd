"""Plans of paid membership."""

from __future__ import annotations

from datetime import datetime

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.plans import Plan, PlanTerms
from membership.domain.program import Program
from membership.store import queries


async def insert(
    connection: Connection, program: Program, plan_id: str, terms: PlanTerms, now: datetime, actor: str
) -> bool:
    """Writes a plan; answers False where its id is there already."""
    written: int = await queries.insert_plan(connection, **_columns(program, plan_id, terms, now, actor))
    return written > 0


async def update(
    connection: Connection, program: Program, plan_id: str, terms: PlanTerms, now: datetime, actor: str
) -> bool:
    """Changes a plan; answers False where there is none that is not archived."""
    written: int = await queries.update_plan(connection, **_columns(program, plan_id, terms, now, actor))
    return written > 0


async def archive(connection: Connection, program: Program, plan_id: str, now: datetime, actor: str) -> None:
    """Archives a plan, unless it is."""
    await queries.archive_plan(connection, program_no=program.program_no, plan_id=plan_id, now=now, actor=actor)


async def find(connection: Connection, program: Program, plan_id: str) -> Plan | None:
    """A plan by its id."""
    row = await queries.find_plan(connection, program_no=program.program_no, plan_id=plan_id)
    return None if row is None else _plan(row)


async def page(connection: Connection, program: Program, after: str, most: int) -> list[Plan]:
    """Plans in the order of their ids, from behind `after`."""
    rows = queries.list_plans(connection, program_no=program.program_no, after=after, most=most)
    return [_plan(row) async for row in rows]


def _columns(program: Program, plan_id: str, terms: PlanTerms, now: datetime, actor: str) -> dict[str, object]:
    return {
        "program_no": program.program_no,
        "plan_id": plan_id,
        "display_name": terms.display_name,
        "months": terms.months,
        "price": terms.price,
        "now": now,
        "actor": actor,
    }


def _plan(row: Record) -> Plan:
    terms = PlanTerms(row["display_name"], row["months"], row["price"])
    return Plan(row["plan_id"], terms, row["archived"], row["create_time"], row["update_time"])
