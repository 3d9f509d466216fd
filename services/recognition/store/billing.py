"""What organisations owe, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from guerdon_kit.postgres import Connection
from recognition.domain.billing import Redemption, Statement
from recognition.domain.periods import Period
from recognition.store import queries


@dataclass(frozen=True, slots=True)
class Billed:
    """By which terms an organisation is billed on redemption: from which month on (its first day) it has no final
    statement yet, and what a point costs.
    """

    unbilled_month: date
    minor_units: Fraction
    currency_code: str


async def billed(connection: Connection, organisation: str) -> Billed | None:
    """By which terms an organisation is billed; None where it is not."""
    return _billed(await queries.find_billed(connection, organisation=organisation))


async def lock_billed(connection: Connection, organisation: str) -> Billed | None:
    """The same; nobody else has it until the transaction ends. None, too, where somebody has."""
    return _billed(await queries.lock_billed(connection, organisation=organisation))


def _billed(row: Any) -> Billed | None:
    if row is None:
        return None
    return Billed(row["unbilled_month"], Fraction(row["numerator"], row["denominator"]), row["currency_code"])


async def save(connection: Connection, statement: Statement, create_time: datetime) -> None:
    """Stores a final statement with the redemptions of its month, and goes on to the next month."""
    await queries.insert_statement(
        connection,
        organisation=statement.organisation,
        month=statement.month.first_day,
        redeemed_points=statement.redeemed_points,
        returned_points=statement.returned_points,
        numerator=statement.minor_units.numerator,
        denominator=statement.minor_units.denominator,
        currency_code=statement.currency_code,
        create_time=create_time,
    )
    await queries.insert_billable_redemptions(
        connection, organisation=statement.organisation, month=statement.month.first_day
    )
    await queries.advance_billing(connection, organisation=statement.organisation, next_month=statement.month.next_day)


async def find(connection: Connection, organisation: str, month: Period) -> Statement | None:
    """The month's final statement, once it is stored."""
    row = await queries.find_statement(connection, organisation=organisation, month=month.first_day)
    if row is None:
        return None
    return Statement(
        organisation,
        month,
        True,
        redeemed_points=row["redeemed_points"],
        returned_points=row["returned_points"],
        minor_units=Fraction(row["numerator"], row["denominator"]),
        currency_code=row["currency_code"],
    )


async def list_after(
    connection: Connection, organisation: str, month: Period, after: int, most: int
) -> list[tuple[int, Redemption]]:
    """At most so many of what a statement is made of, with their positions, from after position `after` on."""
    rows = queries.list_billable_redemptions(
        connection, organisation=organisation, month=month.first_day, after=after, most=most
    )
    return [
        (row["position"], Redemption(row["person"], row["transaction"], row["points"], row["record_time"]))
        async for row in rows
    ]


async def unbilled(connection: Connection, most: int) -> list[str]:
    """At most so many of the organisations that are billed and of which a month is over and counted that has no final
    statement, those with the oldest such month first.
    """
    return [row["organisation"] async for row in queries.unbilled_organisations(connection, most=most)]
