"""Making allowance plans, and boosting what a person is granted by them."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.allowances import Boost
from recognition.domain.errors import NoAllowancePlan
from recognition.domain.organisations import POINTS_MAX, Organisation
from recognition.domain.periods import day_at
from recognition.domain.plans import Plan, Terms, holds_from, in_force
from recognition.domain.texts import text_violations
from recognition.operations import organisations, people
from recognition.store import boosts
from recognition.store import plans as store

REASON_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """The plan that holds now (None before the first one does), and the one that will from its day on, if any."""

    current: Plan | None
    next: Plan | None


class Planning:
    """The organisations' plans."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def set_plan(
        self, fingerprint: Fingerprint, organisation: str, terms: Terms, actor: str
    ) -> tuple[Standing, bool]:
        """Makes a plan, which replaces one that does not hold yet; answers what holds, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such organisation.
        """
        terms.check()

        async def work(connection: Connection) -> bytes:
            employer = await organisations.find(connection, organisation)
            plans = await store.lock(connection, organisation)
            now = self._clock.now()
            day = day_at(now, employer.time_zone)
            # What was granted by a clock that was ahead of this one stays: the change comes after it.
            day = max(day, await store.newest_planned_day(connection, organisation) or day)
            from_day = holds_from(in_force(plans, day), terms.kind, day)
            await store.insert(connection, organisation, from_day, terms, actor, now)
            return organisation.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.plan(organisation), replayed

    async def plan(self, organisation: str) -> Standing:
        """What holds in the organisation, and what will.

        Raises:
            NotFound: there is no such organisation.
            NoAllowancePlan: it has no plan.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            plans = await store.find(connection, organisation)
        if not plans:
            raise NoAllowancePlan(employer.name)
        return self._standing(employer, plans)

    async def set_boost(self, fingerprint: Fingerprint, boost: Boost, actor: str) -> tuple[Boost, bool]:
        """Sets what a person is granted besides from their next grant on; answers it, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such person.
        """
        if not 0 <= boost.amount <= POINTS_MAX:
            raise InvalidField.of("boost.amount", "must be between 0 and 2^53")
        if violations := text_violations("boost.reason", boost.reason, REASON_LENGTH_MAX):
            raise InvalidField(violations)

        async def work(connection: Connection) -> bytes:
            await people.find(connection, boost.organisation, boost.person)
            await boosts.save(connection, boost, actor, self._clock.now())
            return boost.person.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.boost(boost.organisation, boost.person), replayed

    async def boost(self, organisation: str, person: str) -> Boost:
        """The person's boost, of 0 where none was ever set.

        Raises:
            NotFound: there is no such person.
        """
        async with self._database.acquire() as connection:
            await people.find(connection, organisation, person)
            return await boosts.find(connection, organisation, person)

    def _standing(self, employer: Organisation, plans: list[Plan]) -> Standing:
        day = day_at(self._clock.now(), employer.time_zone)
        return Standing(in_force(plans, day), next((plan for plan in plans if plan.from_day > day), None))
