"""Recording achievements: one credit for each external id of a source, within the source's limits.

Reports of one source are judged one after another, under the lock on its row: what is new is recorded beside its
payout in one transaction. Then it is paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, DomainError, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.achievements import Achievement, Asked, Judgement, Source, check_batch, judge, used_at
from recognition.domain.acting import Acting
from recognition.domain.award_budgets import AwardBudget
from recognition.domain.payouts import NewPayout, PayoutKind
from recognition.domain.roles import Role
from recognition.operations import award_budgets, organisations
from recognition.operations.acting import require_role
from recognition.operations.paying import Paying
from recognition.store import achievements as store
from recognition.store import people as people_store
from recognition.store.positions import Position

_NEW, _ALREADY = b"new", b"already"


@dataclass(frozen=True, slots=True)
class Recorded:
    """An achievement, whether another request had recorded it before, and whether this is a replay."""

    achievement: Achievement
    already: bool
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Written:
    """What a transaction made of reports: a judgement of each, or what its very request was told before; and the
    payouts taken in.
    """

    judgements: list[Judgement | bytes | DomainError]
    payouts: list[str]


class Achievements:
    """Achievements, and the systems that report them."""

    def __init__(self, database: Database, paying: Paying, clock: Clock) -> None:
        self._database = database
        self._paying = paying
        self._clock = clock

    async def create_source(self, fingerprint: Fingerprint, source: Source, acting: Acting) -> tuple[Source, bool]:
        """Makes a source; answers it, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            RoleRequired: the caller is no admin.
            NotFound: there is no such budget.
            AlreadyExists: the id is taken.
        """
        source.check()

        async def work(connection: Connection) -> bytes:
            await require_role(connection, source.organisation, acting, Role.ADMIN)
            await award_budgets.find(connection, source.organisation, source.budget)
            if not await store.insert_source(connection, source, acting.actor):
                raise AlreadyExists(source.name)
            return source.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.find_source(source.organisation, source.id), replayed

    async def find_source(self, organisation: str, source: str) -> Source:
        """The source of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            found = await store.find_source(connection, organisation, source)
        if found is None:
            raise _no_source(organisation, source)
        return found

    async def record(
        self,
        organisation: str,
        source: str,
        reports: Sequence[tuple[Fingerprint, str, Asked]],
        path: str,
        actor: str,
    ) -> list[Recorded | DomainError]:
        """Records achievements of one source, each by itself: what was recorded, or why one is refused. Each comes with
        its request's fingerprint and id; `path` is where a request stands in that of the caller, a template over
        `index`. Their points are on their way, or already there.

        Raises:
            InvalidField: they are too many, or a field of one is out of its bounds.
            NotFound: there is no such source.
        """
        check_batch([asked for _, _, asked in reports], [request_id for _, request_id, _ in reports], path)
        fingerprints = [fingerprint for fingerprint, _, _ in reports]
        asked_for = [asked for _, _, asked in reports]

        async def work(connection: Connection) -> _Written:
            return await self._write(connection, organisation, source, fingerprints, asked_for, actor)

        written = await self._database.run(work, repeatable=True)
        if written.payouts:
            await self._paying.pay(organisation, written.payouts)
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, source, [asked.id for asked in asked_for])
        return [_told(found, asked, one) for asked, one in zip(asked_for, written.judgements, strict=True)]

    async def find(self, organisation: str, source: str, achievement: str) -> Achievement:
        """The achievement of that id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, source, [achievement])
        if achievement not in found:
            name = f"organisations/{organisation}/achievementSources/{source}/achievements/{achievement}"
            raise NotFound(name)
        return found[achievement]

    async def list_sources(self, organisation: str, after: str, most: int) -> list[Source]:
        """At most so many of an organisation's sources, by id, from after `after` on.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.list_sources(connection, organisation, after, most)

    async def list_achievements(
        self, organisation: str, source: str | None, person: str | None, size: int, token: str
    ) -> tuple[list[Achievement], str]:
        """A page of the achievements of a source and a person, where these are given, newest first, and the token of
        the next one.

        Raises:
            InvalidField: the size or the token is malformed.
            NotFound: there is no such organisation.
        """
        size = page_size(size)
        query = ("ListAchievements", organisation, source or "", person or "")
        position = Position(*read_place(token, query, END), size + 1)
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            found = await store.list_achievements(connection, organisation, source, person, position)
        return cut(found, size, query, lambda one: (one.record_time, one.payout))

    async def _write(
        self,
        connection: Connection,
        organisation: str,
        source_id: str,
        fingerprints: Sequence[Fingerprint],
        reports: Sequence[Asked],
        actor: str,
    ) -> _Written:
        employer = await organisations.find(connection, organisation)
        now = self._clock.now()
        day = now.astimezone(ZoneInfo(employer.time_zone)).date()
        locked = await store.lock_source(connection, organisation, source_id, day)
        if locked is None:
            raise _no_source(organisation, source_id)
        source, of_day, of_month = locked
        budget = await award_budgets.find(connection, organisation, source.budget)
        # Asked under the lock: the same request, sent twice at once, is seen by whichever comes second.
        told = await requests.find_all(connection, fingerprints)
        new = [asked for asked, one in zip(reports, told, strict=True) if one is None]
        known = await store.find(connection, organisation, source_id, [asked.id for asked in new])
        standings = await people_store.lock(connection, organisation, {asked.person for asked in new})
        used = used_at(now, employer.time_zone, of_day, of_month)
        judged = judge(source, new, {id_: one.asked for id_, one in known.items()}, standings, used)
        payouts = await self._record(connection, source, budget, judged, actor, now)
        given = sum(one.asked.amount for one in judged if one.new)
        await store.count(connection, source, day, of_day + given, of_month + given)
        rest = iter(judged)
        judgements = [next(rest) if one is None else one for one in told]
        await requests.record_all(
            connection,
            [
                (fingerprint, _ALREADY if judgement.already else _NEW)
                for fingerprint, judgement in zip(fingerprints, judgements, strict=True)
                if isinstance(judgement, Judgement) and judgement.refusal is None
            ],
        )
        return _Written(judgements, payouts)

    async def _record(
        self,
        connection: Connection,
        source: Source,
        budget: AwardBudget,
        judged: Sequence[Judgement],
        actor: str,
        now: datetime,
    ) -> list[str]:
        """Records what is new, and takes in its payouts; answers their ids."""
        reports = [(new_id("ac"), one.asked) for one in judged if one.new]
        payouts = [
            NewPayout(
                id=payout,
                kind=PayoutKind.ACHIEVEMENT,
                budget=budget.id,
                person=asked.person,
                amount=asked.amount,
                subject=asked.name,
                wait_end_time=budget.wait_end_time(now),
            )
            for payout, asked in reports
        ]
        if payouts:
            await self._paying.take_in(connection, source.organisation, payouts)
            await store.insert(connection, source, reports, actor, now)
        return [payout for payout, _ in reports]


def _told(
    found: dict[str, Achievement], asked: Asked, judgement: Judgement | bytes | DomainError
) -> Recorded | DomainError:
    if isinstance(judgement, bytes):
        return Recorded(found[asked.id], judgement == _ALREADY, replayed=True)
    if isinstance(judgement, DomainError):
        return judgement
    return judgement.refusal or Recorded(found[asked.id], judgement.already, replayed=False)


def _no_source(organisation: str, source: str) -> NotFound:
    return NotFound(f"organisations/{organisation}/achievementSources/{source}")
