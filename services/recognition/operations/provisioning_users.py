"""What identity providers do to people: each request once by its nature, whoever else is at it.

A person who is created again after having been deleted is the one who was there before, with the accounts and the
points that they had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database
from recognition.clients.ledger import Ledger
from recognition.domain.errors import UserNameTaken
from recognition.domain.people import NewPerson, check_people, person_name
from recognition.domain.profiles import Profile
from recognition.domain.provisioning import ProvisionedUser, Sought
from recognition.domain.scim_tokens import ScimToken
from recognition.operations import organisations, people
from recognition.store import organisations as organisation_store
from recognition.store import people as people_store
from recognition.store import scim_users as store
from recognition.store import teams as team_store

Edit = Callable[[ProvisionedUser], ProvisionedUser]


class ProvisionedUsers:
    """An organisation's people, for the identity provider that presents one of its tokens."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def search(self, token: ScimToken, sought: Sought) -> tuple[list[ProvisionedUser], int]:
        """A page of the people looked for, by id, and how many they are altogether."""
        async with self._database.acquire() as connection:
            found = await store.search(connection, token.organisation, sought)
            return found, await store.count(connection, token.organisation, sought)

    async def get(self, token: ScimToken, person: str) -> ProvisionedUser:
        """The person of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await _find(connection, token.organisation, person)

    async def create(self, token: ScimToken, wanted: ProvisionedUser) -> ProvisionedUser:
        """Adds a person; or takes in again who was deleted and signed in with the same.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such manager.
            UserNameTaken, IdentityTaken: another person has it.
        """
        organisation = token.organisation
        new = NewPerson(organisation, new_id("pe"), Profile(**_changes(token, wanted)))
        check_people([new], "person")
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            deleted = await store.find_deleted(connection, organisation, wanted.user_name)
            taken = await store.count(connection, organisation, Sought(user_name=wanted.user_name))
        if taken:
            raise UserNameTaken(new.name)
        if deleted is None:
            # The accounts come first, as for everybody.
            await self._ledger.create_people_accounts(employer, [new], token.actor)

        async def work(connection: Connection) -> str:
            await organisation_store.lock(connection, organisation)
            known = await store.find_deleted(connection, organisation, wanted.user_name)
            person = known or new.id
            if known is None:
                await people.insert(connection, organisation, [new], token.actor, self._clock.now())
            else:
                await people.change(connection, organisation, known, _changes(token, wanted))
            await store.write(connection, organisation, person, wanted)
            await self._take(connection, token, person, active=wanted.active)
            return person

        return await self.get(token, await self._database.run(work))

    async def change(self, token: ScimToken, person: str, edit: Edit) -> ProvisionedUser:
        """Makes of a person what `edit` makes of them, which may be asked several times.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such person or manager.
            UserNameTaken, IdentityTaken: another person has it.
            ManagerCycle: they would report to themselves.
        """
        organisation = token.organisation

        async def work(connection: Connection) -> None:
            # What providers write comes one after the other, and who reports to whom is locked before people are.
            await organisation_store.lock(connection, organisation)
            found = await _find(connection, organisation, person)
            wanted = edit(found)
            await people.change(connection, organisation, person, _changes(token, wanted))
            await store.write(connection, organisation, person, wanted)
            await self._take(connection, token, person, active=wanted.active)

        await self._database.run(work, repeatable=True)
        return await self.get(token, person)

    async def delete(self, token: ScimToken, person: str, check: Callable[[ProvisionedUser], None]) -> None:
        """Takes a person out of giving and receiving, out of all teams, and out of the identity provider's sight, once
        `check` has let them pass. What becomes of what was earned is as for everybody who leaves.

        Raises:
            NotFound: there is no such person.
        """
        organisation = token.organisation

        async def work(connection: Connection) -> None:
            await organisation_store.lock(connection, organisation)
            check(await _find(connection, organisation, person))
            await self._take(connection, token, person, active=False)
            await team_store.replace_teams(connection, organisation, person, ())
            await store.hide(connection, organisation, person)

        await self._database.run(work, repeatable=True)

    async def _take(self, connection: Connection, token: ScimToken, person: str, *, active: bool) -> None:
        now = self._clock.now()
        if active:
            await people_store.reactivate(connection, token.organisation, person, now)
        else:
            await people_store.deactivate(connection, token.organisation, person, token.actor, now)


async def _find(connection: Connection, organisation: str, person: str) -> ProvisionedUser:
    found = await store.find(connection, organisation, person)
    if found is None:
        raise NotFound(person_name(organisation, person))
    return found


def _changes(token: ScimToken, wanted: ProvisionedUser) -> dict[str, Any]:
    """What of a profile the identity provider says."""
    said: dict[str, Any] = {
        "user_name": wanted.user_name,
        "display_name": wanted.display_name,
        "role": wanted.role,
        "manager": wanted.manager,
        "country": wanted.country,
    }
    if token.issuer and wanted.external_id:
        said["identity"] = f"{token.issuer}|{wanted.external_id}"
    return said
