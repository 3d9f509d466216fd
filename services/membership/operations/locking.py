"""How many points of an account are locked, as of a version of the account."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database
from membership.clients.ledger import Ledger
from membership.domain.accounts import owner_of
from membership.domain.locking import NOTHING, Given, LockedPoints, locked
from membership.domain.program import Program
from membership.store import locking, members


class Locking:
    """Tells what is locked."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def of(self, program: Program, account_id: str, actor: str) -> LockedPoints:
        """What is locked of an account of the program.

        The version is read first: what had come in by then was recorded here before it was brought to the ledger, and
        what is recorded after we read makes another version when it comes in.

        Raises:
            OutcomeUnknown: the ledger did not answer.
        """
        if not program.locks:
            return NOTHING
        version = await self._ledger.version(program, account_id, actor)
        async with self._database.acquire() as connection:
            now = self._clock.now()
            return locked(await self._given(connection, program, account_id), version, now)

    async def shown(self, program: Program, account_id: str, available: int) -> LockedPoints:
        """What is locked now of the points that an account can spend, to be shown and not to be held to."""
        if not program.locks:
            return NOTHING
        async with self._database.acquire() as connection:
            found = locked(await self._given(connection, program, account_id), 0, self._clock.now())
        return found._replace(points=max(0, min(found.points, available)))

    async def _given(self, connection: Connection, program: Program, account_id: str) -> list[Given]:
        member_id = owner_of(account_id)
        member = await members.find(connection, program, member_id) if member_id else None
        if member is None:
            return []
        people = [member, *await members.merged_into(connection, member)]
        return await locking.given(connection, program, [one.member_no for one in people], self._clock.now())
