"""How organisations pay, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.budgets import BudgetMode, BudgetTerms
from recognition.store import queries


@dataclass(frozen=True, slots=True)
class StoredTerms:
    """An organisation's terms; `told` says whether they are in force, which the ledger is told of."""

    terms: BudgetTerms
    version: int
    actor: str
    told: bool


async def save(
    connection: Connection,
    organisation: str,
    terms: BudgetTerms,
    actor: str,
    update_time: datetime,
    due_time: datetime,
    first_month: date,
    month: date,
) -> None:
    """Sets an organisation's terms, of which the ledger is to be told at `due_time`, or as soon after as nobody tells
    it of those before. Who is billed on redemption from the first terms on is from the organisation's `first_month` on
    (its first day), and who is by later ones, after others, from `month` on.
    """
    await queries.save_terms(
        connection,
        organisation=organisation,
        mode=terms.mode.value,
        credit_limit=terms.credit_limit,
        numerator=terms.minor_units.numerator if terms.minor_units else None,
        denominator=terms.minor_units.denominator if terms.minor_units else None,
        currency_code=terms.currency_code,
        actor=actor,
        update_time=update_time,
        due_time=due_time,
        first_month=first_month if terms.mode is BudgetMode.BILLED_ON_REDEMPTION else None,
        month=month,
    )


async def find(connection: Connection, organisation: str) -> StoredTerms | None:
    """The organisation's terms, once they were set."""
    row = await queries.find_terms(connection, organisation=organisation)
    if row is None:
        return None
    minor_units = None if row["numerator"] is None else Fraction(row["numerator"], row["denominator"])
    terms = BudgetTerms(BudgetMode(row["mode"]), row["credit_limit"], minor_units, row["currency_code"])
    return StoredTerms(terms, row["version"], row["actor"], row["due_time"] is None)


async def claim_one(connection: Connection, organisation: str, now: datetime, lease_time: datetime) -> bool:
    """Whether the ledger is to be told, and others are kept from it until `lease_time` from now on."""
    claimed = await queries.claim_one_terms(connection, organisation=organisation, now=now, lease_time=lease_time)
    return claimed is not None


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Claim[str]]:
    """At most so many organisations whose terms the ledger is to be told, kept from others until `lease_time`."""
    rows = queries.claim_terms(connection, now=now, lease_time=lease_time, most=most)
    return [Claim(row["organisation"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, organisation: str, due_time: datetime) -> None:
    """Has it wait."""
    await queries.put_off_terms(connection, organisation=organisation, due_time=due_time)


async def mark_told(connection: Connection, organisation: str, version: int, now: datetime) -> None:
    """The ledger was told of this version by who has the lease; of one that was set meanwhile it is to be told now."""
    await queries.mark_terms_told(connection, organisation=organisation, version=version, now=now)


async def granted_accounts(connection: Connection, organisation: str, after: str, most: int) -> list[str]:
    """At most so many of the accounts, by id from after `after` on, with granted points that are not given yet."""
    rows = queries.granted_accounts(connection, organisation=organisation, after=after, most=most)
    return [row["account"] async for row in rows]
