"""Adding people, and taking them out of giving and receiving."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.errors import IdentityTaken, PersonDeactivated
from recognition.domain.organisations import Organisation
from recognition.domain.people import NewPerson, Person, check_people, person_name
from recognition.operations import organisations
from recognition.store import people as store


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
            NotFound: there is no such organisation.
            AlreadyExists: an id is taken.
            IdentityTaken: an identity is another person's.
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
            await self._insert(connection, employer, people, actor)
            return employer.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, [person.id for person in people])
        return [found[person.id] for person in people], replayed

    async def deactivate(
        self, fingerprint: Fingerprint, organisation: str, person: str, actor: str
    ) -> tuple[Person, bool]:
        """Takes a person out; answers them, and whether this is a replay.

        Raises:
            NotFound: there is no such person.
            PersonDeactivated: they were taken out before.
        """

        async def work(connection: Connection) -> bytes:
            if not await store.deactivate(connection, organisation, person, actor):
                found = await find(connection, organisation, person)
                raise PersonDeactivated(found.name)
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

    async def list_after(self, organisation: str, after: str, most: int) -> list[Person]:
        """At most so many of the organisation's people, by id, from after `after` on.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.list_after(connection, organisation, after, most)

    async def _insert(
        self, connection: Connection, employer: Organisation, people: Sequence[NewPerson], actor: str
    ) -> None:
        added = await store.insert(connection, employer.id, people, actor, self._clock.now())
        refused = next((person for person in people if person.id not in added), None)
        if refused is None:
            return
        if await store.find(connection, employer.id, [refused.id]):
            raise AlreadyExists(refused.name)
        raise IdentityTaken(refused.name)


async def find(connection: Connection, organisation: str, person: str) -> Person:
    """The person of that id.

    Raises:
        NotFound: there is none.
    """
    found = await store.find(connection, organisation, [person])
    if person not in found:
        raise NotFound(person_name(organisation, person))
    return found[person]
