"""Plans of paid membership: made, changed, archived."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.errors import PlanArchived
from membership.domain.plans import Plan, PlanTerms, violations
from membership.domain.program import Program
from membership.store import plans


class Plans:
    """Plans."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, program: Program, plan_id: str, terms: PlanTerms, fingerprint: Fingerprint, actor: str
    ) -> bool:
        """Makes a plan; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept.
            AlreadyExists: the id is taken.
        """
        _check(plan_id, terms)

        async def work(connection: Connection) -> bytes:
            if not await plans.insert(connection, program, plan_id, terms, self._clock.now(), actor):
                raise AlreadyExists(plan_name(program, plan_id))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def update(
        self, program: Program, plan_id: str, terms: PlanTerms, fingerprint: Fingerprint, actor: str
    ) -> bool:
        """Changes a plan; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept.
            NotFound: there is no such plan.
            PlanArchived: it is archived.
        """
        _check(plan_id, terms)

        async def work(connection: Connection) -> bytes:
            if not await plans.update(connection, program, plan_id, terms, self._clock.now(), actor):
                found = await find(connection, program, plan_id)
                assert found.archived, "else it is changed"
                raise PlanArchived(plan_name(program, plan_id))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def archive(self, program: Program, plan_id: str, fingerprint: Fingerprint, actor: str) -> bool:
        """Archives a plan; answers whether this is a replay.

        Raises:
            NotFound: there is no such plan.
        """

        async def work(connection: Connection) -> bytes:
            await find(connection, program, plan_id)
            await plans.archive(connection, program, plan_id, self._clock.now(), actor)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def get(self, program: Program, plan_id: str) -> Plan:
        """A plan.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await find(connection, program, plan_id)

    async def page(self, program: Program, after: str, most: int) -> list[Plan]:
        """Plans in the order of their ids, from behind `after`."""
        async with self._database.acquire() as connection:
            return await plans.page(connection, program, after, most)


async def find(connection: Connection, program: Program, plan_id: str) -> Plan:
    """A plan.

    Raises:
        NotFound: there is none.
    """
    found = await plans.find(connection, program, plan_id)
    if found is None:
        raise NotFound(plan_name(program, plan_id))
    return found


def plan_name(program: Program, plan_id: str) -> str:
    """A plan's resource name."""
    return f"{program.name}/plans/{plan_id}"


def _check(plan_id: str, terms: PlanTerms) -> None:
    wrong = list(violations(plan_id, terms))
    if wrong:
        raise InvalidField(wrong).within("plan")
