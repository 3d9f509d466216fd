"""Adding and changing people, taking them out of giving and receiving, and in again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.errors import IdentityTaken, PersonActive, PersonDeactivated, UserNameTaken
from recognition.domain.people import NewPerson, Person, check_manager, check_people, person_name, require_all
from recognition.domain.profiles import Profile
from recognition.operations import organisations
from recognition.store import organisations as organisation_store
from recognition.store import people as store
from recognition.store import teams as team_store


class People:
    """People, each with two accounts in the ledger."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def create(
        self, fingerprint: Fingerprint, organisation: str, people: Sequence[NewPerson], field: str, actor: str
    ) -> tuple[list[Person], bool]:
        """Adds people to one organisation, all or none; answers them in order, and whether this is a replay.

        `field` is where a person stands in the request, a template over `index`. The accounts come first: they are
        empty and have names of their own, so that a crash in between leaves nothing behind that matters or that the
        same request would trip over.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such organisation, manager or team.
            AlreadyExists: an id is taken.
            IdentityTaken, UserNameTaken: they are another person's.
            ManagerCycle: somebody would report to themselves.
        """
        check_people(people, field)
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            taken = await store.find(connection, organisation, [person.id for person in people])
            # Asked last: where this very request was what took them, its record is seen now.
            new = await requests.find(connection, fingerprint) is None
        if new and taken:
            raise AlreadyExists(next(iter(taken.values())).name)
        if new:
            await self._ledger.create_people_accounts(employer, people, actor)

        async def work(connection: Connection) -> bytes:
            await insert(connection, employer.id, people, actor, self._clock.now())
            return employer.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, [person.id for person in people])
        return [found[person.id] for person in people], replayed

    async def update(
        self, fingerprint: Fingerprint, organisation: str, person: str, asked: Profile, fields: Collection[str]
    ) -> tuple[Person, bool]:
        """Gives a person those of the fields that are named; answers them, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such person, manager or team.
            IdentityTaken, UserNameTaken: they are another person's.
            ManagerCycle: the person would report to themselves.
        """

        async def work(connection: Connection) -> bytes:
            await change(connection, organisation, person, {name: getattr(asked, name) for name in fields})
            return person.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation, person), replayed

    async def deactivate(
        self, fingerprint: Fingerprint, organisation: str, person: str, actor: str
    ) -> tuple[Person, bool]:
        """Takes a person out; answers them, and whether this is a replay.

        Raises:
            NotFound: there is no such person.
            PersonDeactivated: they were taken out before.
        """

        async def work(connection: Connection) -> bytes:
            if not await store.deactivate(connection, organisation, person, actor, self._clock.now()):
                found = await find(connection, organisation, person)
                raise PersonDeactivated(found.name)
            return person.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation, person), replayed

    async def reactivate(self, fingerprint: Fingerprint, organisation: str, person: str) -> tuple[Person, bool]:
        """Takes a person in again; answers them, and whether this is a replay.

        Raises:
            NotFound: there is no such person.
            PersonActive: they take part.
        """

        async def work(connection: Connection) -> bytes:
            if not await store.reactivate(connection, organisation, person, self._clock.now()):
                found = await find(connection, organisation, person)
                raise PersonActive(found.name)
            return person.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation, person), replayed

    async def get(self, organisation: str, person: str) -> Person:
        """The person of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await find(connection, organisation, person)

    async def list_after(self, organisation: str, after: str, most: int, *, user_name: str, team: str) -> list[Person]:
        """At most so many of the organisation's people, by id, from after `after` on; if set only who signs in with
        `user_name`, and only who is in `team`.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.list_after(connection, organisation, after, most, user_name=user_name, team=team)


async def insert(
    connection: Connection, organisation: str, people: Sequence[NewPerson], actor: str, now: datetime
) -> None:
    """Adds people whose accounts exist, in the transaction that is under way.

    Raises:
        As `People.create`.
    """
    new = {person.id for person in people}
    managers = {person.profile.manager for person in people} - {""} - new
    require_all(organisation, "people", managers, await store.existing(connection, organisation, managers))
    memberships = [(team, person.id) for person in people for team in person.profile.teams]
    await _require_teams(connection, organisation, {team for team, _ in memberships})
    added = await store.insert(connection, organisation, people, actor, now)
    refused = next((person for person in people if person.id not in added), None)
    if refused is not None:
        raise await taken(connection, refused)
    await team_store.join(connection, organisation, memberships)


async def change(connection: Connection, organisation: str, person: str, changes: dict[str, Any]) -> None:
    """Gives a person those fields of the profile, in the transaction that is under way.

    Raises:
        As `People.update`.
    """
    if changes.get("manager"):
        # Who reports to whom changes one after the other: two changes at once could close a circle between them.
        await organisation_store.lock(connection, organisation)
        check_manager(
            organisation, person, changes["manager"], await store.above(connection, organisation, changes["manager"])
        )
    found = await store.lock_to_change(connection, organisation, person)
    if found is None:
        raise NotFound(person_name(organisation, person))
    profile = replace(found.profile, **changes)
    violations = profile.violations("person")
    if violations:
        raise InvalidField(violations)
    await store.update(connection, organisation, person, profile)
    if set(profile.teams) != set(found.profile.teams):
        await _require_teams(connection, organisation, profile.teams)
        await team_store.replace_teams(connection, organisation, person, profile.teams)


async def _require_teams(connection: Connection, organisation: str, teams: Collection[str]) -> None:
    if teams:
        require_all(organisation, "teams", teams, await team_store.lock(connection, organisation, teams))


async def taken(connection: Connection, person: NewPerson) -> AlreadyExists | IdentityTaken | UserNameTaken:
    """Why a person could not be added."""
    if await store.find(connection, person.organisation, [person.id]):
        return AlreadyExists(person.name)
    user_name = person.profile.user_name
    if user_name and await store.list_after(connection, person.organisation, "", 1, user_name=user_name):
        return UserNameTaken(person.name)
    return IdentityTaken(person.name)


async def find(connection: Connection, organisation: str, person: str) -> Person:
    """The person of that id.

    Raises:
        NotFound: there is none.
    """
    found = await store.find(connection, organisation, [person])
    if person not in found:
        raise NotFound(person_name(organisation, person))
    return found[person]
