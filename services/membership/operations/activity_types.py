"""Types of activity: what a program's members can do, in versions."""

from __future__ import annotations

from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.activities import ActivityTerms, ActivityType, Occasion, violations
from membership.domain.errors import ActivityTypeArchived, OccasionTaken
from membership.domain.program import Program
from membership.store import activities, occasions


class ActivityTypes:
    """Types of activity."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self,
        program: Program,
        type_id: str,
        terms: ActivityTerms,
        occasion: Occasion | None,
        fingerprint: Fingerprint,
        actor: str,
    ) -> bool:
        """Makes a type; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept.
            AlreadyExists: the id is taken.
            OccasionTaken: another type is given for the occasion.
        """
        _check(terms, occasion)
        now = self._clock.now()
        one = ActivityType(type_id, occasion, 1, terms, archived=False, create_time=now, update_time=now)

        async def work(connection: Connection) -> bytes:
            if not await occasions.insert(connection, program, one):
                if occasion is not None and (other := await occasions.taken_by(connection, program, occasion)):
                    raise OccasionTaken(type_name(program, other))
                raise AlreadyExists(type_name(program, type_id))
            await activities.insert_version(connection, program, type_id, 1, terms, now, actor)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def update(
        self,
        program: Program,
        type_id: str,
        changes: ActivityTerms,
        names: frozenset[str],
        fingerprint: Fingerprint,
        actor: str,
    ) -> bool:
        """Sets the terms `names` of a type as `changes` has them; answers whether this is a replay.

        Raises:
            NotFound: there is no such type.
            ActivityTypeArchived: it is archived.
            InvalidField: a bound would not be kept.
        """

        async def work(connection: Connection) -> bytes:
            before = await activities.hold_type(connection, program, type_id)
            if before is None:
                raise NotFound(type_name(program, type_id))
            if before.archived:
                raise ActivityTypeArchived(type_name(program, type_id))
            terms = replace(before.terms, **{name: getattr(changes, name) for name in names})
            _check(terms, before.occasion)
            if terms != before.terms:
                now, version = self._clock.now(), before.version + 1
                await activities.insert_version(connection, program, type_id, version, terms, now, actor)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def archive(self, program: Program, type_id: str, fingerprint: Fingerprint) -> bool:
        """Archives a type; answers whether this is a replay.

        Raises:
            NotFound: there is no such type.
        """

        async def work(connection: Connection) -> bytes:
            if await activities.hold_type(connection, program, type_id) is None:
                raise NotFound(type_name(program, type_id))
            await activities.archive_type(connection, program, type_id)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def get(self, program: Program, type_id: str) -> ActivityType:
        """A type.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            found = await activities.find_type(connection, program, type_id)
        if found is None:
            raise NotFound(type_name(program, type_id))
        return found

    async def page(self, program: Program, after: str, most: int) -> list[ActivityType]:
        """Types in the order of their ids, from behind `after`."""
        async with self._database.acquire() as connection:
            return await activities.list_types(connection, program, after, most)


def type_name(program: Program, type_id: str) -> str:
    """A type's resource name."""
    return f"{program.name}/activityTypes/{type_id}"


def _check(terms: ActivityTerms, occasion: Occasion | None) -> None:
    wrong = list(violations(terms, occasion))
    if wrong:
        raise InvalidField(wrong).within("activity_type")
