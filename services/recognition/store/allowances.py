"""Planned and granted allowances, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.allowances import GIVING_ROLES, Grant, Purpose, Receiver, Settlement, Share, shares
from recognition.domain.managing import ManagerBudget, manager_shares
from recognition.domain.organisations import Organisation
from recognition.domain.periods import Period, PeriodKind
from recognition.domain.plans import Terms
from recognition.domain.roles import Role
from recognition.store import queries


@dataclass(frozen=True, slots=True)
class Planned:
    """For how many people a period was planned, and how many active ones had theirs before."""

    planned: int
    existing: int


async def plan(
    connection: Connection, organisation: Organisation, terms: Terms, period: Period, due_time: datetime
) -> Planned:
    """Plans the period for every active person who gives and has not had it, and for their managers' budgets; nobody is
    planned twice, whoever else plans.
    """
    rows = queries.lock_unplanned_people(
        connection,
        organisation=organisation.id,
        roles=[role.value for role in GIVING_ROLES],
        period=period.first_day,
    )
    receivers = [_receiver(row) async for row in rows]
    await queries.mark_planned(
        connection,
        organisation=organisation.id,
        period=period.first_day,
        people=[receiver.person for receiver in receivers],
    )
    granted = shares(terms, receivers, period.end_time)
    planned = await _insert(connection, organisation, Purpose.GIVE, period, granted, due_time)
    await _plan_managers(connection, organisation, period, due_time)
    # Counted afterwards: those whom another planned while this one waited for it are among them.
    people: int = await queries.count_allowances(connection, organisation=organisation.id, period=period.first_day)
    return Planned(planned, people - planned)


async def _plan_managers(
    connection: Connection, organisation: Organisation, period: Period, due_time: datetime
) -> None:
    rows = queries.lock_unplanned_budgets(connection, organisation=organisation.id, period=period.first_day)
    budgets = [
        ManagerBudget(organisation.id, row["person"], row["amount"], row["carry_over_periods"]) async for row in rows
    ]
    if not budgets:
        return
    await queries.mark_budgets_planned(
        connection,
        organisation=organisation.id,
        period=period.first_day,
        people=[budget.person for budget in budgets],
    )
    granted = manager_shares(budgets, period, organisation.time_zone)
    await _insert(connection, organisation, Purpose.MANAGE, period, granted, due_time)


async def _insert(
    connection: Connection,
    organisation: Organisation,
    purpose: Purpose,
    period: Period,
    granted: Sequence[Share],
    due_time: datetime,
) -> int:
    inserted: int = await queries.insert_allowances(
        connection,
        organisation=organisation.id,
        purpose=purpose.value,
        period=period.first_day,
        period_kind=period.kind.value,
        people=[share.person for share in granted],
        accounts=[share.account_id for share in granted],
        amounts=[share.amount for share in granted],
        boost_amounts=[share.boost_amount for share in granted],
        expire_times=[share.expire_time for share in granted],
        available_time=period.start_time,
        due_time=due_time,
    )
    return inserted


async def unposted(
    connection: Connection, organisation: str, period: date, after: tuple[str, str], most: int
) -> list[Grant]:
    """At most so many of the period's grants that are not settled, by person and purpose, of those after `after`."""
    after_person, after_purpose = after
    rows = queries.unposted_allowances(
        connection,
        organisation=organisation,
        period=period,
        after_person=after_person,
        after_purpose=after_purpose,
        most=most,
    )
    return [_grant(row) async for row in rows]


async def count_short(connection: Connection, organisation: str, period: date) -> int:
    """How many people wait for their allowance of the period because the budget is short."""
    count: int = await queries.count_short(connection, organisation=organisation, period=period)
    return count


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
        purposes=[settlement.grant.purpose.value for settlement in settlements],
        periods=[settlement.grant.period for settlement in settlements],
        states=[settlement.state.value for settlement in settlements],
        refusals=[settlement.refusal for settlement in settlements],
        due_times=[settlement.due_time for settlement in settlements],
    )


async def note_shortage(connection: Connection, organisation: str, period: date) -> bool:
    """Whether this is the first time that the budget is short for the period."""
    return await queries.note_shortage(connection, organisation=organisation, period=period) is not None


async def wake_short(connection: Connection, organisation: str) -> None:
    """Makes due what waits for the budget; a refusal that comes later, but was given before, puts it off no more."""
    await queries.wake_short(connection, organisation=organisation)


async def granted_amounts(
    connection: Connection, organisation: str, people: Sequence[str], purpose: Purpose, period: date
) -> dict[str, int]:
    """What these people were granted for the period; nothing for whom nothing was granted, or not yet."""
    rows = queries.granted_amounts(
        connection, organisation=organisation, people=list(people), purpose=purpose.value, period=period
    )
    return {row["person"]: row["amount"] async for row in rows}


async def period_amounts(connection: Connection, organisation: str, period: date) -> tuple[int, int]:
    """What all together were granted for the period, and what of it waits."""
    row = await queries.period_amounts(connection, organisation=organisation, period=period)
    return row["granted_amount"], row["waiting_amount"]


def _receiver(row: asyncpg.Record) -> Receiver:
    return Receiver(
        person=row["person"],
        account_id=row["allowance_account"],
        boost_amount=row["boost_amount"],
        role=Role(row["role"]),
        country=row["country"],
        teams=tuple(row["teams"]),
    )


def _grant(row: asyncpg.Record) -> Grant:
    return Grant(
        organisation=row["organisation"],
        person=row["person"],
        purpose=Purpose(row["purpose"]),
        period=row["period"],
        period_name=PeriodKind(row["period_kind"]).name_of(row["period"]),
        program=row["program"],
        unit=row["unit"],
        account_id=row["account"],
        amount=row["amount"],
        available_time=row["available_time"],
        expire_time=row["expire_time"],
        attempts=row["attempts"],
    )
