"""Giving a recognition."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.changes import ChangeKey, ChangeKind, NewChange
from recognition.domain.parties import check_parties
from recognition.domain.recognitions import Draft, Recognition
from recognition.operations import organisations
from recognition.operations.acting import acting_person
from recognition.operations.changing import Changing
from recognition.store import people as people_store
from recognition.store import recognitions as store


class Giving:
    """New recognitions."""

    def __init__(self, database: Database, clock: Clock, changing: Changing) -> None:
        self._database = database
        self._clock = clock
        self._changing = changing

    async def create(self, fingerprint: Fingerprint, draft: Draft, acting: Acting) -> tuple[Recognition, bool]:
        """Gives; answers the recognition, and whether this is a replay. An empty giver is the acting person.

        Raises:
            InvalidField: a field is out of its bounds, or nobody gives.
            ScopeRequired: the giver is another than the acting person.
            NotFound: the organisation or one of the people does not exist.
            SelfGiving, PersonDeactivated, GivingNotAllowed, ReceivingNotAllowed: as they say.
            FairnessRefusal: a policy of the organisation blocks it.
            InsufficientAllowance, GivingRefused: the ledger refused; the same request is refused again.
            Unavailable: it is taken in, and the ledger has not answered; the same request tells how it ended.
        """

        async def work(connection: Connection) -> bytes:
            recognition = new_id("rc")
            now = self._clock.now()
            checked = await _checked(connection, draft, acting)
            await store.insert(connection, recognition, checked, actor=acting.actor, create_time=now)
            change = NewChange(
                organisation=checked.organisation,
                id=recognition,
                recognition=recognition,
                kind=ChangeKind.CREATE,
                person=checked.giver,
                giver=checked.giver,
                receivers=checked.receivers,
                amounts=(checked.amount,) * len(checked.receivers),
                actor=acting.actor,
                create_time=now,
            )
            await self._changing.take_in(connection, change, words=checked.message)
            return recognition.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        recognition = outcome.decode()
        await self._changing.finish(ChangeKey(draft.organisation, recognition), fresh=not replayed)
        async with self._database.acquire() as connection:
            return await find(connection, draft.organisation, recognition), replayed


async def find(connection: Connection, organisation: str, recognition: str) -> Recognition:
    """The recognition of that id, in whatever state.

    Raises:
        NotFound: there is none.
    """
    found = await store.find(connection, organisation, recognition)
    if found is None:
        raise NotFound(f"organisations/{organisation}/recognitions/{recognition}")
    return found


async def _checked(connection: Connection, draft: Draft, acting: Acting) -> Draft:
    """The draft as it may be given. Whom it concerns stays as active as that until the transaction ends."""
    employer = await organisations.find(connection, draft.organisation)
    giver = await acting_person(connection, draft.organisation, acting, draft.giver or None)
    if giver is None:
        raise InvalidField.of("recognition.giver", "is required: the token names no active person here")
    checked = replace(draft, giver=giver)
    checked.check(employer)
    await require_parties(connection, draft.organisation, giver, draft.receivers)
    return checked


async def require_parties(connection: Connection, organisation: str, giver: str, receivers: Collection[str]) -> None:
    """Locks these people: who takes part, and as what, stays so until the transaction ends.

    Raises:
        NotFound, PersonDeactivated, GivingNotAllowed, ReceivingNotAllowed: as `check_parties`.
    """
    standings = await people_store.lock(connection, organisation, [giver, *receivers])
    check_parties(organisation, standings, giver, receivers)
