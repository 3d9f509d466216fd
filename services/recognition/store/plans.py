"""Allowance plans, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import asyncpg

from guerdon_kit.postgres import Connection
from guerdon_kit.postgres.failures import Rerun
from recognition.domain.allowances import GIVING_ROLES
from recognition.domain.periods import PeriodKind
from recognition.domain.plans import Override, Plan, Terms
from recognition.domain.roles import Role
from recognition.store import queries

Calendar = tuple[str, PeriodKind]
"""A zone, and a kind of period."""


async def lock(connection: Connection, organisation: str) -> list[Plan]:
    """The organisation's plans by day, without those that were replaced; nobody grants by them until the transaction
    ends.
    """
    async for _ in queries.lock_plans(connection, organisation=organisation):
        pass
    return await find(connection, organisation)


async def share(connection: Connection, organisation: str) -> list[Plan]:
    """The same; nobody makes another one until the transaction ends."""
    async for _ in queries.share_plans(connection, organisation=organisation):
        pass
    return await find(connection, organisation)


async def find(connection: Connection, organisation: str) -> list[Plan]:
    """The organisation's plans by day, without those that were replaced."""
    return [_plan(row) async for row in queries.find_plans(connection, organisation=organisation)]


async def newest_planned_day(connection: Connection, organisation: str) -> date | None:
    """The first day of the newest period that anybody was granted; None before the first."""
    newest: date | None = await queries.newest_planned_day(connection, organisation=organisation)
    return newest


async def insert(
    connection: Connection, organisation: str, from_day: date, terms: Terms, actor: str, create_time: datetime
) -> None:
    """Makes a plan; it replaces those that would hold from the same day on or a later one.

    Raises:
        Rerun: another one was made meanwhile.
    """
    await queries.replace_plans(connection, organisation=organisation, from_day=from_day)
    version = await queries.insert_plan(
        connection,
        organisation=organisation,
        from_day=from_day,
        period_kind=terms.kind.value,
        base_amount=terms.base_amount,
        actor=actor,
        create_time=create_time,
    )
    if version is None:
        raise Rerun
    await queries.insert_overrides(
        connection,
        organisation=organisation,
        version=version,
        amounts=[override.amount for override in terms.overrides],
        roles=[override.role.value if override.role else "" for override in terms.overrides],
        countries=[override.country for override in terms.overrides],
        teams=[override.team for override in terms.overrides],
    )


async def calendars(connection: Connection) -> list[Calendar]:
    """By which calendars there are plans."""
    return [(row["time_zone"], PeriodKind(row["period_kind"])) async for row in queries.plan_calendars(connection)]


async def unplanned(connection: Connection, days: Mapping[Calendar, date]) -> list[str]:
    """The organisations in which an active person who gives has no allowance planned for the period of the day that
    `days` gives for its calendar, or an active manager none to give out.
    """
    rows = queries.unplanned_organisations(
        connection,
        zones=[zone for zone, _ in days],
        kinds=[kind.value for _, kind in days],
        days=list(days.values()),
        roles=[role.value for role in GIVING_ROLES],
        first_days=[kind.first_day(day) for (_, kind), day in days.items()],
    )
    return [row["organisation"] async for row in rows]


def _plan(row: asyncpg.Record) -> Plan:
    overrides = zip(row["amounts"], row["roles"], row["countries"], row["teams"], strict=True)
    return Plan(
        organisation=row["organisation"],
        version=row["version"],
        from_day=row["from_day"],
        terms=Terms(
            PeriodKind(row["period_kind"]),
            row["base_amount"],
            tuple(
                Override(amount, Role(role) if role else None, country, team)
                for amount, role, country, team in overrides
            ),
        ),
        actor=row["actor"],
        create_time=row["create_time"],
    )
