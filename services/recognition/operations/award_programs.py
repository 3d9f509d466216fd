"""Making award programs, and closing them."""

from __future__ import annotations

from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.approvals import ApproverKind
from recognition.domain.awards import AwardProgram, program_name
from recognition.domain.people import require_all
from recognition.domain.roles import Role
from recognition.operations import award_budgets, organisations
from recognition.operations.acting import require_role
from recognition.store import awards as store
from recognition.store import people as people_store


class AwardPrograms:
    """Kinds of award."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, fingerprint: Fingerprint, program: AwardProgram, acting: Acting
    ) -> tuple[AwardProgram, bool]:
        """Makes a program; answers it, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            RoleRequired: the caller is no admin.
            NotFound: there is no such budget, or no such approver.
            AlreadyExists: the id is taken.
        """
        program.check()

        async def work(connection: Connection) -> bytes:
            await require_role(connection, program.organisation, acting, Role.ADMIN)
            await award_budgets.find(connection, program.organisation, program.budget)
            named = [level.approver.person for level in program.chain if level.approver.kind is ApproverKind.PERSON]
            known = await people_store.existing(connection, program.organisation, named)
            require_all(program.organisation, "people", named, known)
            if not await store.insert_program(connection, program, acting.actor):
                raise AlreadyExists(program.name)
            return program.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(program.organisation, program.id), replayed

    async def close(
        self, fingerprint: Fingerprint, organisation: str, program: str, acting: Acting
    ) -> tuple[AwardProgram, bool]:
        """Closes a program to nominations; answers it, and whether this is a replay.

        Raises:
            RoleRequired: the caller is no admin.
            NotFound: there is no such program.
        """

        async def work(connection: Connection) -> bytes:
            await require_role(connection, organisation, acting, Role.ADMIN)
            if not await store.close_program(connection, organisation, program, acting.actor):
                raise NotFound(program_name(organisation, program))
            return program.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.get(organisation, program), replayed

    async def get(self, organisation: str, program: str) -> AwardProgram:
        """The program of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await find(connection, organisation, program)

    async def list_after(self, organisation: str, after: str, most: int) -> list[AwardProgram]:
        """At most so many of an organisation's programs, by id, from after `after` on.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.list_programs(connection, organisation, after, most)


async def find(connection: Connection, organisation: str, program: str) -> AwardProgram:
    """The program of that id.

    Raises:
        NotFound: there is none.
    """
    found = await store.find_program(connection, organisation, program)
    if found is None:
        raise NotFound(program_name(organisation, program))
    return found
