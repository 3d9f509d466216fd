"""What organisations owe, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from guerdon_kit.postgres import Connection
from recognition.domain.billing import Redemption, Statement
from recognition.domain.periods import Period
from recognition.store import queries


async def owners(connection: Connection, organisation: str, account_ids: Collection[str]) -> dict[str, str]:
    """Whose rewards those of the accounts have that are of people of this organisation."""
    rows = queries.find_reward_owners(connection, organisation=organisation, accounts=list(account_ids))
    return {row["rewards_account"]: row["person"] async for row in rows}


async def save(
    connection: Connection, statement: Statement, redemptions: Sequence[Redemption], create_time: datetime
) -> None:
    """Stores a final statement, unless somebody has."""
    key = {"organisation": statement.organisation, "month": statement.month.first_day}
    inserted = await queries.insert_statement(
        connection,
        **key,
        redeemed_points=statement.redeemed_points,
        returned_points=statement.returned_points,
        numerator=statement.minor_units.numerator,
        denominator=statement.minor_units.denominator,
        currency_code=statement.currency_code,
        create_time=create_time,
    )
    if inserted is None:
        return
    await queries.insert_billable_redemptions(
        connection,
        **key,
        people=[one.person for one in redemptions],
        transactions=[one.transaction for one in redemptions],
        points=[one.points for one in redemptions],
        record_times=[one.record_time for one in redemptions],
    )


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


async def zones(connection: Connection) -> list[str]:
    """The time zones of those that are billed."""
    return [row["time_zone"] async for row in queries.billed_zones(connection)]


async def unbilled(connection: Connection, months: Mapping[str, Period]) -> list[str]:
    """The organisations that are billed and have no statement of the month that `months` gives for their zone."""
    rows = queries.unbilled_organisations(
        connection,
        zones=list(months),
        months=[month.first_day for month in months.values()],
        end_times=[month.end_time for month in months.values()],
    )
    return [row["organisation"] async for row in rows]
