"""Award budgets, as rows."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.award_budgets import AwardBudget, NewAwardBudget
from recognition.store import queries


async def insert(connection: Connection, budget: NewAwardBudget, actor: str, create_time: datetime) -> bool:
    """Whether its id was free."""
    inserted = await queries.insert_award_budget(
        connection,
        organisation=budget.organisation,
        award_budget=budget.id,
        display_name=budget.display_name,
        account=budget.account_id,
        wait_days=budget.wait_days,
        actor=actor,
        create_time=create_time,
    )
    return inserted is not None


async def find(connection: Connection, organisation: str, budget: str) -> AwardBudget | None:
    """The budget of that id."""
    row = await queries.find_award_budget(connection, organisation=organisation, award_budget=budget)
    return None if row is None else _budget(row)


async def list_after(connection: Connection, organisation: str, after: str, most: int) -> list[AwardBudget]:
    """At most so many budgets whose ids come after `after`, by id."""
    rows = queries.list_award_budgets(connection, organisation=organisation, after=after, most=most)
    return [_budget(row) async for row in rows]


def _budget(row: asyncpg.Record) -> AwardBudget:
    return AwardBudget(
        organisation=row["organisation"],
        id=row["award_budget"],
        display_name=row["display_name"],
        program=row["program"],
        account_id=row["account"],
        wait_days=row["wait_days"],
        create_time=row["create_time"],
    )
