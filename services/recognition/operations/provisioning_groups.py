"""What identity providers do to teams, which they call groups: each request once by its nature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database
from recognition.domain.people import require_all
from recognition.domain.profiles import TEAMS_MAX
from recognition.domain.provisioning import MEMBERS_MAX, ProvisionedGroup, Sought
from recognition.domain.scim_tokens import ScimToken
from recognition.domain.teams import Team, check_team_name, team_name
from recognition.operations import teams
from recognition.store import organisations as organisation_store
from recognition.store import people as people_store
from recognition.store import scim_groups as store
from recognition.store import teams as team_store

Edit = Callable[[ProvisionedGroup], ProvisionedGroup]


class ProvisionedGroups:
    """An organisation's teams, for the identity provider that presents one of its tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def search(self, token: ScimToken, sought: Sought) -> tuple[list[ProvisionedGroup], int]:
        """A page of the teams looked for, by id, and how many they are altogether."""
        async with self._database.acquire() as connection:
            found = await store.search(connection, token.organisation, sought)
            return found, await store.count(connection, token.organisation, sought)

    async def get(self, token: ScimToken, team: str) -> ProvisionedGroup:
        """The team of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await _find(connection, token.organisation, team)

    async def create(self, token: ScimToken, wanted: ProvisionedGroup) -> ProvisionedGroup:
        """Makes a team.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such person.
            TeamNameTaken: another team is called that: also who sends a request again, and has to look for it.
        """
        check_team_name(wanted.display_name, "team.display_name")
        made = Team(token.organisation, new_id("tm"), wanted.display_name, self._clock.now(), wanted.external_id)

        async def work(connection: Connection) -> None:
            await organisation_store.lock(connection, token.organisation)
            await teams.insert(connection, made, token.actor)
            await _set_members(connection, token.organisation, made.id, frozenset(), wanted.members)

        await self._database.run(work)
        return await self.get(token, made.id)

    async def change(self, token: ScimToken, team: str, edit: Edit) -> ProvisionedGroup:
        """Makes of a team what `edit` makes of it, which may be asked several times.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such team or person.
            TeamNameTaken: another team is called that.
        """
        organisation = token.organisation

        async def work(connection: Connection) -> None:
            await organisation_store.lock(connection, organisation)
            kept = await team_store.lock_to_change(connection, organisation, team)
            if kept is None:
                raise NotFound(team_name(organisation, team))
            found = await _find(connection, organisation, team)
            wanted = edit(found)
            check_team_name(wanted.display_name, "team.display_name")
            changed = replace(kept, display_name=wanted.display_name, external_id=wanted.external_id)
            if changed != kept:
                await team_store.update(connection, changed)
            await _set_members(connection, organisation, team, found.members, wanted.members)

        await self._database.run(work, repeatable=True)
        return await self.get(token, team)

    async def delete(self, token: ScimToken, team: str, check: Callable[[ProvisionedGroup], None]) -> None:
        """Dissolves a team, once `check` has let it pass.

        Raises:
            NotFound: there is no such team.
        """
        organisation = token.organisation

        async def work(connection: Connection) -> None:
            await organisation_store.lock(connection, organisation)
            check(await _find(connection, organisation, team))
            await team_store.delete(connection, organisation, team, self._clock.now())

        await self._database.run(work, repeatable=True)


async def _find(connection: Connection, organisation: str, team: str) -> ProvisionedGroup:
    found = await store.find(connection, organisation, team)
    if found is None:
        raise NotFound(team_name(organisation, team))
    return found


async def _set_members(
    connection: Connection, organisation: str, team: str, before: frozenset[str], wanted: frozenset[str]
) -> None:
    if len(wanted) > MEMBERS_MAX:
        raise InvalidField.of("members", "must be at most 10,000")
    joining = wanted - before
    require_all(organisation, "people", joining, await people_store.existing(connection, organisation, joining))
    await store.leave(connection, organisation, team, before - wanted)
    await team_store.join(connection, organisation, [(team, person) for person in sorted(joining)])
    if await store.in_too_many(connection, organisation, joining, TEAMS_MAX):
        raise InvalidField.of("members", "must each be in at most 50 teams")
