"""Editing a recognition."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import ScopeRequired, Unavailable
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import ACT_FOR_SCOPE, Acting
from recognition.domain.changes import Change, ChangeKey, ChangeKind, ChangeState, NewChange
from recognition.domain.editing import EDITS_MAX, FIELDS, changed_fields, check_window, moves_points
from recognition.domain.errors import EditsUsedUp
from recognition.domain.organisations import Organisation
from recognition.domain.recognitions import Draft, Recognition
from recognition.domain.takings import Recovery, TakingPolicy, give_for_edit
from recognition.operations import organisations
from recognition.operations.authors import lock_for_author
from recognition.operations.changing import Changing
from recognition.operations.giving import find, require_audience, require_parties
from recognition.operations.wording import worded
from recognition.store import changes, movements
from recognition.store import settings as settings_store


class Editing:
    """Edits, and their history."""

    def __init__(self, database: Database, clock: Clock, changing: Changing) -> None:
        self._database = database
        self._clock = clock
        self._changing = changing

    async def edit(
        self,
        fingerprint: Fingerprint,
        recognition: str,
        wanted: Draft,
        fields: Collection[str],
        policy: TakingPolicy,
        acting: Acting,
    ) -> tuple[Recognition, list[Recovery], bool]:
        """Makes `fields` of a recognition those of `wanted`; answers it, what came back, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is none, it is gone, or it is not theirs to see; or one of the people does not exist.
            RoleRequired: it is another's.
            ScopeRequired: it gives more, and is another's.
            EditWindowOver, EditsUsedUp, SelfGiving, FairnessRefusal: as they say; or what `require_parties` does.
            InsufficientAllowance, GivingRefused: the ledger refused what would be given more; nothing has changed, and
                the same request is refused again.
            Unavailable: another edit is under way, or it is taken in and the ledger has not answered; the same request
                tells how it ended.
        """
        organisation = wanted.organisation

        async def work(connection: Connection) -> bytes:
            found, person = await lock_for_author(connection, organisation, recognition, acting)
            after = replace(found.draft, **{field: getattr(wanted, field) for field in FIELDS if field in fields})
            employer = await organisations.find(connection, organisation)
            if after.message != found.draft.message:
                after = await worded(connection, employer, after)
            more = await self._checked(connection, employer, found, after)
            if more and person != found.draft.giver and not acting.acts_for:
                raise ScopeRequired(ACT_FOR_SCOPE)  # an allowance is its person's to give
            change = NewChange(
                organisation=organisation,
                id=new_id("re"),
                recognition=recognition,
                kind=ChangeKind.EDIT,
                person=person,
                giver=after.giver,
                receivers=tuple(more),
                amounts=tuple(more.values()),
                actor=acting.actor,
                create_time=self._clock.now(),
                policy=policy,
                before=found.draft,
                after=after,
            )
            words = after.message if after.message != found.draft.message else ""
            if moves_points(found.draft, after):
                await self._changing.take_in(connection, change, words=words)
            else:
                await self._changing.do(connection, change, found, words=words)
            return change.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        key = ChangeKey(organisation, outcome.decode())
        await self._changing.finish(key, fresh=not replayed)
        async with self._database.acquire() as connection:
            edited = await find(connection, organisation, recognition)
        return edited, await self._changing.recovered(key), replayed

    async def history(self, organisation: str, recognition: str, acting: Acting) -> list[Change]:
        """The edits of a recognition, oldest first.

        Raises:
            NotFound, RoleRequired: as `edit`.
        """
        async with self._database.transaction() as connection:
            await lock_for_author(connection, organisation, recognition, acting)
            return await changes.list_all(connection, organisation, recognition, [ChangeKind.EDIT], ChangeState.DONE)

    async def _checked(
        self, connection: Connection, employer: Organisation, found: Recognition, after: Draft
    ) -> dict[str, int]:
        """What the edit gives in addition, by receiver, if it may be made."""
        organisation = after.organisation
        window = await settings_store.edit_window(connection, organisation)
        check_window(found, after, window, self._clock.now())
        changed = set(changed_fields(found.draft, after))
        if changed - {"visibility"}:
            after.check(employer)
        if changed & {"visibility", "receivers"}:
            await require_audience(connection, after, after.teams if "receivers" in changed else found.teams)
        if await changes.list_all(connection, organisation, found.id, [ChangeKind.EDIT], ChangeState.PENDING):
            raise Unavailable
        done = await changes.list_all(connection, organisation, found.id, [ChangeKind.EDIT], ChangeState.DONE)
        if len(done) >= EDITS_MAX:
            raise EditsUsedUp(EDITS_MAX)
        if not moves_points(found.draft, after):
            return {}
        more = give_for_edit(after, await movements.gifts(connection, organisation, found.id))
        concerned = {
            receiver for receiver in after.receivers if receiver in more or receiver not in found.draft.receivers
        }
        if concerned:
            await require_parties(connection, organisation, after.giver, concerned)
        return more
