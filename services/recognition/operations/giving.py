"""Giving a recognition: its points move for all receivers at once or not at all, and exactly once.

It is stored PENDING beside the record of its request, then the ledger is asked under an id derived from it, then it is
POSTED (and seen) or REFUSED. A crash or a silent ledger leaves it PENDING: the recovery, or the same request sent
again, asks under the same id. One worker at a time does so, kept apart by a lease; the ledger would forgive more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound, Unavailable
from guerdon_kit.events import Event, publish
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.acting import Acting
from recognition.domain.errors import GivingRefused, InsufficientAllowance, PersonDeactivated
from recognition.domain.people import person_name
from recognition.domain.recognitions import Draft, Recognition, State
from recognition.operations import organisations
from recognition.operations.acting import acting_person
from recognition.store import people as people_store
from recognition.store import recognitions as store

CREATED = "guerdon.recognition.v1.recognition_created"
POLL_S = 0.05


class Giving:
    """Recognitions on their way."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lease = lease

    async def create(self, fingerprint: Fingerprint, draft: Draft, acting: Acting) -> tuple[Recognition, bool]:
        """Gives; answers the recognition, and whether this is a replay. An empty giver is the acting person.

        Raises:
            InvalidField: a field is out of its bounds, or nobody gives.
            ScopeRequired: the giver is another than the acting person.
            NotFound: the organisation or one of the people does not exist.
            SelfGiving, PersonDeactivated: as they say.
            InsufficientAllowance, GivingRefused: the ledger refused; the same request is refused again.
            Unavailable: it is taken in, and the ledger has not answered; the same request tells how it ended.
        """

        async def work(connection: Connection) -> bytes:
            recognition = new_id("rc")
            now = self._clock.now()
            checked = await self._checked(connection, draft, acting)
            await store.insert(
                connection,
                recognition,
                checked,
                actor=acting.actor,
                create_time=now,
                due_time=now + self._lease,
            )
            return recognition.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        recognition = outcome.decode()
        if not replayed:
            try:
                await self.carry_out(draft.organisation, recognition)
            except OutcomeUnknown as error:
                raise Unavailable from error
        return _answer(await self._settled(draft.organisation, recognition)), replayed

    async def carry_out(self, organisation: str, recognition: str) -> None:
        """Asks the ledger for a PENDING recognition that this worker has the lease of, and writes down its answer.

        Raises:
            OutcomeUnknown: the ledger did not answer; it stays PENDING.
            RemoteError: the ledger does not serve us; it stays PENDING.
        """
        async with self._database.acquire() as connection:
            found = await self._find(connection, organisation, recognition)
            if found.state is not State.PENDING:
                return
            giving = await store.find_giving(connection, found)
        try:
            transaction = await self._ledger.give(giving)
        except InsufficientAllowance as refusal:
            await self._refuse(found, refusal.reason, int(refusal.metadata["available"]))
        except GivingRefused as refusal:
            await self._refuse(found, refusal.metadata["ledger_reason"], 0)
        else:
            await self._post(found, transaction)

    async def _checked(self, connection: Connection, draft: Draft, acting: Acting) -> Draft:
        employer = await organisations.find(connection, draft.organisation)
        giver = await acting_person(connection, draft.organisation, acting, draft.giver or None)
        if giver is None:
            raise InvalidField.of("recognition.giver", "is required: the token names no active person here")
        checked = replace(draft, giver=giver)
        checked.check(employer)
        await _require_active(connection, draft.organisation, [giver, *draft.receivers])
        return checked

    async def _settled(self, organisation: str, recognition: str) -> Recognition:
        """The recognition once it is settled, by this worker if nobody else is at it, within the caller's deadline."""
        while True:
            async with self._database.acquire() as connection:
                found = await self._find(connection, organisation, recognition)
                if found.state is not State.PENDING:
                    return found
                now = self._clock.now()
                mine = await store.claim_one(connection, organisation, recognition, now, now + self._lease)
            if mine:
                try:
                    await self.carry_out(organisation, recognition)
                except OutcomeUnknown as error:
                    raise Unavailable from error
            else:
                await asyncio.sleep(POLL_S)

    async def _find(self, connection: Connection, organisation: str, recognition: str) -> Recognition:
        found = await store.find(connection, organisation, recognition)
        if found is None:
            raise NotFound(f"organisations/{organisation}/recognitions/{recognition}")
        return found

    async def _post(self, recognition: Recognition, transaction: str) -> None:
        async def work(connection: Connection) -> None:
            # What is private is told to nobody; and whoever was first has told.
            if await store.mark_posted(connection, recognition, transaction) and recognition.public:
                await publish(connection, _created(recognition))

        await self._database.run(work, repeatable=True)

    async def _refuse(self, recognition: Recognition, reason: str, available_amount: int) -> None:
        async with self._database.transaction() as connection:
            await store.mark_refused(connection, recognition, reason, available_amount)


async def _require_active(connection: Connection, organisation: str, people: Collection[str]) -> None:
    active = await people_store.lock(connection, organisation, people)
    for person in people:
        if person not in active:
            raise NotFound(person_name(organisation, person))
    for person in people:
        if not active[person]:
            raise PersonDeactivated(person_name(organisation, person))


def _answer(recognition: Recognition) -> Recognition:
    if recognition.state is State.POSTED:
        return recognition
    if recognition.refusal == InsufficientAllowance.reason:
        raise InsufficientAllowance(recognition.draft.total, recognition.available_amount)
    raise GivingRefused(recognition.refusal)


def _created(recognition: Recognition) -> Event:
    """The event of a public recognition. The thanks themselves are for the feed only."""
    draft = recognition.draft
    return Event(
        type=CREATED,
        subject=recognition.name,
        key=recognition.name,
        time=recognition.create_time,
        data={
            "giver": person_name(draft.organisation, draft.giver),
            "receivers": [person_name(draft.organisation, receiver) for receiver in draft.receivers],
            "amount": draft.amount,
            "values": list(draft.values),
        },
    )
