"""Teams: making, changing and dissolving them."""

from __future__ import annotations

from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.errors import TeamNameTaken
from recognition.domain.teams import Team, check_team_name, team_name
from recognition.operations import organisations
from recognition.store import teams as store


class Teams:
    """The teams of organisations."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, fingerprint: Fingerprint, organisation: str, team: str, display_name: str, actor: str
    ) -> tuple[Team, bool]:
        """Makes a team; answers it, and whether this is a replay.

        Raises:
            InvalidField: it cannot be called that.
            NotFound: there is no such organisation, or the team was dissolved since.
            AlreadyExists: the id is taken, or was.
            TeamNameTaken: another team is called that.
        """
        check_team_name(display_name, "team.display_name")

        async def work(connection: Connection) -> bytes:
            await organisations.find(connection, organisation)
            made = Team(organisation, team, display_name, self._clock.now())
            await insert(connection, made, actor)
            return team.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation, team), replayed

    async def rename(
        self, fingerprint: Fingerprint, organisation: str, team: str, display_name: str
    ) -> tuple[Team, bool]:
        """Changes what people call a team; answers it, and whether this is a replay.

        Raises:
            InvalidField: it cannot be called that.
            NotFound: there is no such team.
            TeamNameTaken: another team is called that.
        """
        check_team_name(display_name, "team.display_name")

        async def work(connection: Connection) -> bytes:
            found = await store.lock_to_change(connection, organisation, team)
            if found is None:
                raise NotFound(team_name(organisation, team))
            await store.update(connection, replace(found, display_name=display_name))
            return team.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation, team), replayed

    async def delete(self, fingerprint: Fingerprint, organisation: str, team: str) -> bool:
        """Dissolves a team; answers whether this is a replay.

        Raises:
            NotFound: there is no such team.
        """

        async def work(connection: Connection) -> bytes:
            if not await store.delete(connection, organisation, team, self._clock.now()):
                raise NotFound(team_name(organisation, team))
            return team.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return replayed

    async def get(self, organisation: str, team: str) -> Team:
        """The team of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, team)
        if found is None:
            raise NotFound(team_name(organisation, team))
        return found

    async def list_after(self, organisation: str, after: str, most: int) -> list[Team]:
        """At most so many of the organisation's teams, by id, from after `after` on.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.list_after(connection, organisation, after, most)


async def insert(connection: Connection, team: Team, actor: str) -> None:
    """Adds a team, in the transaction that is under way.

    Raises:
        AlreadyExists: the id is taken, or was.
        TeamNameTaken: another team is called that.
    """
    if await store.insert(connection, team, actor):
        return
    if await store.name_taken(connection, team.organisation, team.display_name, but=team.id):
        raise TeamNameTaken(team.name)
    raise AlreadyExists(team.name)
