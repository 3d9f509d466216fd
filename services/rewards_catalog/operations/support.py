"""Cases, and the limits of goodwill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.clients.ledger import Ledger
from rewards_catalog.domain.support import MAX_POINTS, Case, GoodwillLimit, case_violations
from rewards_catalog.operations.asking import Asking
from rewards_catalog.store import support
from rewards_catalog.store.changes import Change, note


@dataclass(frozen=True)
class Cases:
    """The cases of all programs. `until` is of `time.monotonic()`."""

    database: Database
    ledger: Ledger
    clock: Clock

    async def open(self, asking: Asking, program: str, member: str, subject: str) -> tuple[Case, bool]:
        """Opens a case for a member; answers it, and whether the request was sent before.

        Raises:
            InvalidField: a bound is broken.
        """
        case = Case(program, new_id("cs"), member, subject, asking.actor, self.clock.now(), "", None)
        broken = list(case_violations(case))
        if broken:
            raise InvalidField(broken)

        async def work(connection: Connection) -> bytes:
            await support.insert_case(connection, case)
            return case.id.encode()

        opened, replayed = await requests.once(self.database, asking.fingerprint, work)
        return await self.get(program, opened.decode()), replayed

    async def close(self, asking: Asking, program: str, case: str) -> tuple[Case, bool]:
        """Closes a case for good; answers it, and whether the request was sent before.

        Raises:
            NotFound: there is none.
        """

        async def work(connection: Connection) -> bytes:
            found = await support.get_case(connection, program, case, lock=True)
            await support.close_case(connection, found, closer=asking.actor, time=self.clock.now())
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        return await self.get(program, case), replayed

    async def get(self, program: str, case: str) -> Case:
        """The case as it is now.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await support.get_case(connection, program, case)

    async def newest(self, program: str, member: str, before: tuple[datetime, str], most: int) -> Sequence[Case]:
        """Cases, newest first, that come before the given time and id; of one member, or of all (empty)."""
        async with self.database.acquire() as connection:
            return await support.newest(connection, program, member, before, most)

    async def set_limit(self, asking: Asking, limit: GoodwillLimit) -> bool:
        """Puts a limit in force for goodwill from now on; answers whether the request was sent before.

        Raises:
            InvalidField: a bound is broken, or the program has no such unit.
        """
        if not 0 <= limit.daily_points <= MAX_POINTS:
            raise InvalidField.of("daily_points", "must be between 0 and 2^53")
        if not await self.ledger.has_unit(limit.program, limit.unit, asking.actor, asking.until):
            raise InvalidField.of("unit", "must be a unit of the program")

        async def work(connection: Connection) -> bytes:
            await support.set_limit(connection, limit)
            now = self.clock.now()
            await note(connection, limit, Change.LIMIT_SET, actor=asking.actor, time=now, amount=limit.daily_points)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        return replayed

    async def limit_of(self, program: str, unit: str) -> int:
        """How many points of the unit each agent may give alone in a day."""
        async with self.database.acquire() as connection:
            return await support.limit_of(connection, program, unit)
