"""Organisations, as rows."""

from __future__ import annotations

from fractions import Fraction

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.countries import CountryValue
from recognition.domain.organisations import Organisation
from recognition.store import queries


async def insert(connection: Connection, organisation: Organisation, actor: str) -> bool:
    """Whether its id was free."""
    inserted = await queries.insert_organisation(
        connection,
        organisation=organisation.id,
        display_name=organisation.display_name,
        program=organisation.program,
        unit=organisation.unit,
        time_zone=organisation.time_zone,
        purposes=list(organisation.values),
        exchange_allowed=organisation.exchange_allowed,
        actor=actor,
        create_time=organisation.create_time,
    )
    if inserted is None:
        return False
    await _insert_countries(connection, organisation)
    return True


async def lock(connection: Connection, organisation: str) -> Organisation | None:
    """The same as `find`; it, and who reports to whom in it, stays so until the transaction ends."""
    if await queries.lock_organisation(connection, organisation=organisation) is None:
        return None
    return await find(connection, organisation)


async def update(connection: Connection, organisation: Organisation) -> None:
    """Writes what of an organisation may change."""
    await queries.update_organisation(
        connection,
        organisation=organisation.id,
        display_name=organisation.display_name,
        purposes=list(organisation.values),
    )
    await queries.delete_countries(connection, organisation=organisation.id)
    await _insert_countries(connection, organisation)


async def find(connection: Connection, organisation: str) -> Organisation | None:
    """The organisation of that id."""
    row = await queries.find_organisation(connection, organisation=organisation)
    return None if row is None else _organisation(row)


async def _insert_countries(connection: Connection, organisation: Organisation) -> None:
    if organisation.countries:
        await queries.insert_countries(
            connection,
            organisation=organisation.id,
            countries=[value.country for value in organisation.countries],
            currency_codes=[value.currency_code for value in organisation.countries],
            numerators=[value.minor_units.numerator for value in organisation.countries],
            denominators=[value.minor_units.denominator for value in organisation.countries],
        )


def _organisation(row: asyncpg.Record) -> Organisation:
    return Organisation(
        id=row["organisation"],
        display_name=row["display_name"],
        program=row["program"],
        unit=row["unit"],
        time_zone=row["time_zone"],
        values=tuple(row["purposes"]),
        exchange_allowed=row["exchange_allowed"],
        create_time=row["create_time"],
        countries=tuple(
            CountryValue(country, currency_code, Fraction(int(numerator), int(denominator)))
            for country, currency_code, numerator, denominator in row["countries"]
        ),
    )
