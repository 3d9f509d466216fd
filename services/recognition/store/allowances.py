"""Planned and granted allowances, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.allowances import Grant, Settlement
from recognition.domain.organisations import Organisation
from recognition.domain.periods import Month
from recognition.store import queries


@dataclass(frozen=True, slots=True)
class Plan:
    """How many people a plan was made for, and how many active ones had theirs before."""

    planned: int
    existing: int


async def plan(connection: Connection, organisation: Organisation, month: Month, due_time: datetime) -> Plan:
    """Plans the month for every active person without it; nobody is planned twice, whoever else plans."""
    planned: int = await queries.plan_allowances(
        connection,
        organisation=organisation.id,
        period=month.first_day,
        amount=organisation.monthly_allowance,
        available_time=month.start_time,
        expire_time=month.end_time,
        due_time=due_time,
    )
    # Counted afterwards: those whom another planned while this one waited for it are among them.
    people: int = await queries.count_planned_people(connection, organisation=organisation.id, period=month.first_day)
    return Plan(planned, people - planned)


async def unposted(connection: Connection, organisation: str, period: date, after: str, most: int) -> list[Grant]:
    """At most so many of the month's allowances that are not settled, of people after `after`, by their ids."""
    rows = queries.unposted_allowances(connection, organisation=organisation, period=period, after=after, most=most)
    return [_grant(row) async for row in rows]


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Grant]:
    """At most so many that are due, kept from other workers until `lease_time`."""
    rows = queries.claim_allowances(connection, now=now, lease_time=lease_time, most=most)
    return [_grant(row) async for row in rows]


async def settle(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Writes down what the ledger answered."""
    await queries.mark_allowances(
        connection,
        organisations=[settlement.grant.organisation for settlement in settlements],
        people=[settlement.grant.person for settlement in settlements],
        periods=[settlement.grant.period for settlement in settlements],
        states=[settlement.state.value for settlement in settlements],
        refusals=[settlement.refusal for settlement in settlements],
        due_times=[settlement.due_time for settlement in settlements],
    )


async def granted_amount(connection: Connection, organisation: str, person: str, period: date) -> int:
    """What the person was granted for the month; 0 if nothing, or not yet."""
    amount: int | None = await queries.granted_amount(
        connection, organisation=organisation, person=person, period=period
    )
    return amount or 0


def _grant(row: asyncpg.Record) -> Grant:
    return Grant(
        organisation=row["organisation"],
        person=row["person"],
        period=row["period"],
        program=row["program"],
        unit=row["unit"],
        account_id=row["allowance_account"],
        amount=row["amount"],
        available_time=row["available_time"],
        expire_time=row["expire_time"],
        attempts=row["attempts"],
    )
