"""How an organisation's recognitions are kept."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.editing import WINDOW_MAX
from recognition.operations import organisations
from recognition.store import settings as store


class RecognitionSettings:
    """Until when they can be edited."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def edit_window(self, organisation: str) -> timedelta:
        """How long after it was given a recognition can be edited.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.edit_window(connection, organisation)

    async def set_edit_window(
        self, fingerprint: Fingerprint, organisation: str, window: timedelta, actor: str
    ) -> tuple[timedelta, bool]:
        """Changes it; answers it, and whether this is a replay.

        Raises:
            InvalidField: it is out of its bounds.
            NotFound: there is no such organisation.
        """
        if not timedelta(0) <= window <= WINDOW_MAX:
            raise InvalidField.of("settings.edit_window", "must be 0 to 30 days")

        async def work(connection: Connection) -> bytes:
            await organisations.find(connection, organisation)
            await store.set_edit_window(connection, organisation, window, actor, self._clock.now())
            return organisation.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.edit_window(organisation), replayed
