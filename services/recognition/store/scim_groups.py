"""Teams as identity providers see them, as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from guerdon_kit.postgres import Connection
from recognition.domain.provisioning import ProvisionedGroup, Sought
from recognition.store import queries


async def search(connection: Connection, organisation: str, sought: Sought) -> list[ProvisionedGroup]:
    """The teams looked for, by id, each with who is in it."""
    rows = [
        row
        async for row in queries.list_scim_groups(
            connection, organisation=organisation, **_filters(sought), most=sought.most, offset=sought.offset
        )
    ]
    members: dict[str, set[str]] = defaultdict(set)
    of_teams = queries.scim_group_members(connection, organisation=organisation, teams=[row["team"] for row in rows])
    async for row in of_teams:
        members[row["team"]].add(row["person"])
    return [
        ProvisionedGroup(
            id=row["team"],
            display_name=row["display_name"],
            external_id=row["external_id"],
            members=frozenset(members[row["team"]]),
            create_time=row["create_time"],
        )
        for row in rows
    ]


async def count(connection: Connection, organisation: str, sought: Sought) -> int:
    """How many teams there are of those looked for, on whatever page."""
    number: int = await queries.count_scim_groups(connection, organisation=organisation, **_filters(sought))
    return number


async def find(connection: Connection, organisation: str, team: str) -> ProvisionedGroup | None:
    """The team of that id."""
    found = await search(connection, organisation, Sought(id=team, most=1))
    return found[0] if found else None


async def leave(connection: Connection, organisation: str, team: str, people: Collection[str]) -> None:
    """Takes people out of a team."""
    if people:
        await queries.leave_team(connection, organisation=organisation, team=team, people=list(people))


async def in_too_many(connection: Connection, organisation: str, people: Collection[str], most: int) -> list[str]:
    """Those of the people who are in more teams than they may be."""
    rows = queries.people_in_too_many_teams(connection, organisation=organisation, people=list(people), most=most)
    return [row["person"] async for row in rows]


def _filters(sought: Sought) -> dict[str, str | None]:
    return {"team": sought.id, "external_id": sought.external_id, "display_name": sought.display_name}
