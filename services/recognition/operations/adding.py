"""Adding points onto a recognition."""

from __future__ import annotations

from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, Unavailable
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.add_ons import GIFTS_MAX, AddOn
from recognition.domain.changes import Change, ChangeKey, ChangeKind, ChangeState, NewChange
from recognition.domain.errors import RecognitionFull
from recognition.domain.recognitions import Recognition
from recognition.operations.acting import acting_person
from recognition.operations.changing import Changing
from recognition.operations.giving import require_parties
from recognition.operations.viewing import Viewing, find_seen
from recognition.store import changes, movements
from recognition.store import recognitions as store


class Adding:
    """Add-ons."""

    def __init__(self, database: Database, clock: Clock, changing: Changing, viewing: Viewing) -> None:
        self._database = database
        self._clock = clock
        self._changing = changing
        self._viewing = viewing

    async def add(
        self, fingerprint: Fingerprint, organisation: str, recognition: str, add_on: AddOn, acting: Acting
    ) -> tuple[AddOn, bool]:
        """Adds points onto a recognition; answers the add-on, and whether this is a replay. An empty giver is the
        acting person. One onto a recognition that is being taken back is either in before, and taken back with
        it, or refused.

        Raises:
            InvalidField: a field is out of its bounds, or nobody gives.
            ScopeRequired: the giver is another than the acting person.
            NotFound: there is no such recognition, it is gone, or it is not the giver's to see.
            SelfGiving, PersonDeactivated, GivingNotAllowed, ReceivingNotAllowed, RecognitionFull: as they say.
            InsufficientAllowance, GivingRefused: the ledger refused; the same request is refused again.
            Unavailable: an edit is under way, or it is taken in and the ledger has not answered; the same request tells
                how it ended.
        """

        async def work(connection: Connection) -> bytes:
            giver = await acting_person(connection, organisation, acting, add_on.giver or None)
            if giver is None:
                raise InvalidField.of("add_on.giver", "is required: the token names no active person here")
            await store.lock(connection, organisation, recognition)
            found = await find_seen(connection, organisation, recognition, giver)
            checked = replace(add_on, giver=giver).checked(found.draft)
            await require_parties(connection, organisation, giver, checked.receivers)
            await require_room(connection, found, len(checked.receivers))
            change = NewChange(
                organisation=organisation,
                id=new_id("ra"),
                recognition=recognition,
                kind=ChangeKind.ADD_ON,
                person=giver,
                giver=giver,
                receivers=checked.receivers,
                amounts=(checked.amount,) * len(checked.receivers),
                actor=acting.actor,
                create_time=self._clock.now(),
            )
            await self._changing.take_in(connection, change)
            return change.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        key = ChangeKey(organisation, outcome.decode())
        await self._changing.finish(key, fresh=not replayed)
        return _add_on(await self._changing.find(key)), replayed

    async def list_all(self, organisation: str, recognition: str, viewer: str | None, acting: Acting) -> list[AddOn]:
        """The add-ons of a recognition, oldest first.

        Raises:
            NotFound: there is none, or it is not the viewer's to see.
            ScopeRequired: the viewer is another than the acting person.
        """
        await self._viewing.get(organisation, recognition, viewer, acting)
        async with self._database.acquire() as connection:
            done = await changes.list_all(connection, organisation, recognition, [ChangeKind.ADD_ON], ChangeState.DONE)
        return [_add_on(change) for change in done]


async def require_room(connection: Connection, recognition: Recognition, more: int) -> None:
    """Raises RecognitionFull where so many more gifts are too many; Unavailable while an edit may remove receivers."""
    organisation = recognition.draft.organisation
    under_way = await changes.list_all(
        connection, organisation, recognition.id, [ChangeKind.ADD_ON, ChangeKind.EDIT], ChangeState.PENDING
    )
    if any(change.new.kind is ChangeKind.EDIT for change in under_way):
        raise Unavailable
    used = len(await movements.gifts(connection, organisation, recognition.id))
    used += sum(len(change.new.receivers) for change in under_way)
    if used + more > GIFTS_MAX:
        raise RecognitionFull(GIFTS_MAX, used)


def _add_on(change: Change) -> AddOn:
    new = change.new
    return AddOn(new.giver, new.receivers, new.amounts[0], new.id, new.create_time)
