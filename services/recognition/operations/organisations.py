"""Making and changing organisations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.organisations import Organisation
from recognition.store import journal
from recognition.store import organisations as store


class Organisations:
    """Organisations, each with a budget account in the ledger."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def create(
        self, fingerprint: Fingerprint, organisation: Organisation, actor: str
    ) -> tuple[Organisation, bool]:
        """Makes an organisation; answers it, and whether this is a replay.

        The budget account comes first: it is empty and has a name of its own, so that a crash in between leaves
        nothing behind that matters or that the same request would trip over.

        Raises:
            InvalidField: a field is out of its bounds.
            AlreadyExists: the id is taken.
            NotFound: the ledger has no such unit.
        """
        organisation.check()
        async with self._database.acquire() as connection:
            taken = await store.find(connection, organisation.id) is not None
            # Asked last: where this very request was what took the id, its record is seen now.
            new = await requests.find(connection, fingerprint) is None
        if new and taken:
            raise AlreadyExists(organisation.name)
        if new:
            await self._ledger.create_budget(organisation, actor)

        async def work(connection: Connection) -> bytes:
            if not await store.insert(connection, organisation, actor):
                raise AlreadyExists(organisation.name)
            await journal.begin(connection, organisation.program, organisation.create_time)
            return organisation.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation.id), replayed

    async def update(
        self, fingerprint: Fingerprint, organisation: str, changes: Mapping[str, Any]
    ) -> tuple[Organisation, bool]:
        """Gives an organisation those fields; answers it, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such organisation.
        """

        async def work(connection: Connection) -> bytes:
            found = await store.lock(connection, organisation)
            if found is None:
                raise NotFound(f"organisations/{organisation}")
            changed = replace(found, **changes)
            changed.check()
            await store.update(connection, changed)
            return organisation.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation), replayed

    async def get(self, organisation: str) -> Organisation:
        """The organisation of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await find(connection, organisation)


async def find(connection: Connection, organisation: str) -> Organisation:
    """The organisation of that id.

    Raises:
        NotFound: there is none.
    """
    found = await store.find(connection, organisation)
    if found is None:
        raise NotFound(f"organisations/{organisation}")
    return found
