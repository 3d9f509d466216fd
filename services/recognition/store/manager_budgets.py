"""Manager budgets, as rows."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.managing import ManagerBudget
from recognition.store import queries


async def save(connection: Connection, budget: ManagerBudget, actor: str, update_time: datetime) -> None:
    """Sets a manager's budget."""
    await queries.save_manager_budget(
        connection,
        organisation=budget.organisation,
        person=budget.person,
        amount=budget.amount,
        carry_over_periods=budget.carry_over_periods,
        account=budget.account_id,
        actor=actor,
        update_time=update_time,
    )


async def find(connection: Connection, organisation: str, person: str) -> ManagerBudget | None:
    """The person's budget, if they ever had one."""
    row = await queries.find_manager_budget(connection, organisation=organisation, person=person)
    return None if row is None else _budget(row)


async def list_after(connection: Connection, organisation: str, after: str, most: int) -> list[ManagerBudget]:
    """At most so many of the organisation's, by person, from after `after` on."""
    rows = queries.list_manager_budgets(connection, organisation=organisation, after=after, most=most)
    return [_budget(row) async for row in rows]


def _budget(row: asyncpg.Record) -> ManagerBudget:
    return ManagerBudget(row["organisation"], row["person"], row["amount"], row["carry_over_periods"])
