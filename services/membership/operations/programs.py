"""A program's settings: made once, then known for good."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.clients.ledger import Ledger
from membership.domain.program import Program, Settings, check
from membership.store import programs
from membership.store.programs import Totals

KEPT_MAX = 10_000


class Programs:
    """Settings are fixed once created, so what was read once is kept."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._kept: dict[str, Program] = {}

    async def create(self, settings: Settings, fingerprint: Fingerprint, actor: str) -> tuple[Program, bool]:
        """Makes a program's settings; answers them, and whether that is a replay.

        Raises:
            InvalidField: a bound is not kept, or the ledger's program has no such unit.
            NotFound: the ledger has no such program.
            AlreadyExists: it has settings already.
        """
        check(settings)
        name = f"programs/{settings.program_id}"
        time_zone = await self._ledger.time_zone(name, actor)
        if time_zone is None:
            raise NotFound(name)
        if not await self._ledger.has_unit(name, settings.unit_id, actor):
            raise InvalidField.of("program.unit", "must be a unit of the ledger's program")
        now = self._clock.now()

        async def work(connection: Connection) -> bytes:
            if await programs.insert(connection, settings, time_zone, now, actor) is None:
                raise AlreadyExists(name)
            return b"created"

        _, replayed = await once(self._database, fingerprint, work)
        return await self.get(settings.program_id), replayed

    async def get(self, program_id: str) -> Program:
        """A program's settings.

        Raises:
            NotFound: it has none.
        """
        kept = self._kept.get(program_id)
        if kept is not None:
            return kept
        async with self._database.acquire() as connection:
            found = await programs.find(connection, program_id)
        if found is None:
            raise NotFound(f"programs/{program_id}")
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[program_id] = found
        return found

    async def require_unit(self, program: Program, unit_id: str, actor: str) -> None:
        """Refuses a rule's unit that the program does not have.

        Raises:
            InvalidField: it has none of that id.
        """
        if not await self._ledger.has_unit(program.name, unit_id, actor):
            raise InvalidField.of("earning_rule.unit", "must be a unit of the ledger's program")

    async def totals(self, program_id: str, as_of: datetime | None) -> tuple[Program, Totals]:
        """A program's totals, with the tiers of `as_of`, or of now."""
        program = await self.get(program_id)
        year = program.calendar.year_at(as_of or self._clock.now())
        async with self._database.acquire() as connection:
            return program, await programs.totals(connection, program, year)
