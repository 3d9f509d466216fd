"""People as identity providers see them, as rows."""

from __future__ import annotations

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.provisioning import ProvisionedUser, Sought
from recognition.domain.roles import Role
from recognition.store import queries


async def search(connection: Connection, organisation: str, sought: Sought) -> list[ProvisionedUser]:
    """The people looked for, by id."""
    rows = queries.list_scim_users(
        connection, organisation=organisation, **_filters(sought), most=sought.most, offset=sought.offset
    )
    return [_user(row) async for row in rows]


async def count(connection: Connection, organisation: str, sought: Sought) -> int:
    """How many people there are of those looked for, on whatever page."""
    number: int = await queries.count_scim_users(connection, organisation=organisation, **_filters(sought))
    return number


async def find(connection: Connection, organisation: str, person: str) -> ProvisionedUser | None:
    """The person of that id."""
    found = await search(connection, organisation, Sought(id=person, most=1))
    return found[0] if found else None


async def find_deleted(connection: Connection, organisation: str, user_name: str) -> str | None:
    """The id of who was deleted, and signed in with this."""
    found: str | None = await queries.find_deleted_scim_user(connection, organisation=organisation, user_name=user_name)
    return found


async def write(connection: Connection, organisation: str, person: str, user: ProvisionedUser) -> None:
    """Writes what only the identity provider knows of a person, who is shown to it."""
    await queries.write_scim_person(
        connection, organisation=organisation, person=person, external_id=user.external_id, details=dict(user.details)
    )


async def hide(connection: Connection, organisation: str, person: str) -> None:
    """Shows a person to identity providers no more."""
    await queries.hide_scim_person(connection, organisation=organisation, person=person)


def _filters(sought: Sought) -> dict[str, str | None]:
    return {
        "person": sought.id,
        "user_name": sought.user_name,
        "external_id": sought.external_id,
        "display_name": sought.display_name,
    }


def _user(row: asyncpg.Record) -> ProvisionedUser:
    return ProvisionedUser(
        id=row["person"],
        user_name=row["user_name"],
        display_name=row["display_name"],
        active=row["active"],
        role=Role(row["role"]),
        manager=row["manager"] or "",
        country=row["country"],
        external_id=row["external_id"],
        details=row["details"],
        create_time=row["create_time"],
        teams=tuple((team, name) for team, name in row["teams"]),
    )
