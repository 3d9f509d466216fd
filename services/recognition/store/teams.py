"""Teams, as rows, and who is in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.errors import TeamNameTaken
from recognition.domain.teams import Team
from recognition.store import queries


async def insert(connection: Connection, team: Team, actor: str) -> bool:
    """Whether its id and its name were free."""
    inserted = await queries.insert_team(
        connection,
        organisation=team.organisation,
        team=team.id,
        display_name=team.display_name,
        external_id=team.external_id,
        actor=actor,
        create_time=team.create_time,
    )
    return inserted is not None


async def find(connection: Connection, organisation: str, team: str) -> Team | None:
    """The team of that id."""
    row = await queries.find_team(connection, organisation=organisation, team=team)
    return None if row is None else _team(row)


async def list_after(connection: Connection, organisation: str, after: str, most: int) -> list[Team]:
    """At most so many teams whose ids come after `after`, by id."""
    rows = queries.list_teams(connection, organisation=organisation, after=after, most=most)
    return [_team(row) async for row in rows]


async def lock(connection: Connection, organisation: str, teams: Collection[str]) -> set[str]:
    """Those of the teams that exist, and will until the transaction ends."""
    rows = queries.lock_teams(connection, organisation=organisation, teams=list(teams))
    return {row["team"] async for row in rows}


async def lock_to_change(connection: Connection, organisation: str, team: str) -> Team | None:
    """The team of that id, which nobody else changes until the transaction ends."""
    row = await queries.lock_team(connection, organisation=organisation, team=team)
    return None if row is None else _team(row)


async def name_taken(connection: Connection, organisation: str, display_name: str, but: str) -> bool:
    """Whether a team, but for the one of the id `but`, is called that, whatever the case."""
    taken: bool = await queries.name_taken(connection, organisation=organisation, display_name=display_name, team=but)
    return taken


async def update(connection: Connection, team: Team) -> None:
    """Writes what of a team may change.

    Raises:
        TeamNameTaken: another team is called that. Nothing is written, and the transaction goes on.
    """
    try:
        async with connection.transaction():
            await queries.update_team(
                connection,
                organisation=team.organisation,
                team=team.id,
                display_name=team.display_name,
                external_id=team.external_id,
            )
    except asyncpg.UniqueViolationError as error:
        raise TeamNameTaken(team.name) from error


async def delete(connection: Connection, organisation: str, team: str, delete_time: datetime) -> bool:
    """Whether there was such a team, which nobody is in any more."""
    done = await queries.delete_team(connection, organisation=organisation, team=team, delete_time=delete_time)
    if done is None:
        return False
    await queries.delete_team_people(connection, organisation=organisation, team=team)
    return True


async def join(connection: Connection, organisation: str, members: Sequence[tuple[str, str]]) -> None:
    """Puts people into teams: pairs of a team's id and a person's."""
    if members:
        await queries.insert_team_people(
            connection,
            organisation=organisation,
            teams=[team for team, _ in members],
            people=[person for _, person in members],
        )


async def replace_teams(connection: Connection, organisation: str, person: str, teams: Collection[str]) -> None:
    """Puts a person into these teams, and no others."""
    await queries.delete_person_teams(connection, organisation=organisation, person=person)
    await join(connection, organisation, [(team, person) for team in teams])


async def of_people(connection: Connection, organisation: str, people: Collection[str]) -> list[str]:
    """The ids of the teams that any of these people is in."""
    rows = queries.list_teams_of_people(connection, organisation=organisation, people=list(people))
    return [row["team"] async for row in rows]


def _team(row: asyncpg.Record) -> Team:
    return Team(row["organisation"], row["team"], row["display_name"], row["create_time"], row["external_id"])
