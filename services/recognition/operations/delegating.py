"""Naming somebody who decides in one's stead, and ending that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.delegations import Delegation, WantedDelegations
from recognition.domain.errors import PersonDeactivated, RoleRequired
from recognition.domain.people import person_name
from recognition.domain.roles import Role
from recognition.operations.acting import acting_person, viewer_id
from recognition.operations.seeing import is_admin
from recognition.store import delegations as store
from recognition.store import people as people_store
from recognition.store.positions import Position


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that somebody asks for, with or without what has ended; `viewer` is None where it is the acting person."""

    viewer: str | None
    include_ended: bool
    size: int
    token: str


class Delegating:
    """Delegations."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self,
        fingerprint: Fingerprint,
        organisation: str,
        approver: str,
        delegate: str,
        start_time: datetime | None,
        end_time: datetime,
        acting: Acting,
    ) -> tuple[Delegation, bool]:
        """Names a delegate; answers the delegation, and whether this is a replay. An empty approver is the acting
        person, and without a start it begins now.

        Raises:
            InvalidField: a field is out of its bounds, or nobody delegates.
            ScopeRequired: the approver is another than the acting person.
            NotFound: there is no such person.
            PersonDeactivated: one of them is.
        """

        async def work(connection: Connection) -> bytes:
            owner = await acting_person(connection, organisation, acting, approver or None)
            if owner is None:
                raise InvalidField.of("delegation.approver", "is required: the token names no active person here")
            now = self._clock.now()
            new = Delegation(organisation, new_id("dg"), owner, delegate, start_time or now, end_time, now)
            new.check()
            standings = await people_store.lock(connection, organisation, {owner, delegate})
            for person in (owner, delegate):
                if person not in standings:
                    raise NotFound(person_name(organisation, person))
                if not standings[person].active:
                    raise PersonDeactivated(person_name(organisation, person))
            await store.insert(connection, new, acting.actor)
            return new.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        return await self._find(organisation, outcome.decode()), replayed

    async def end(
        self, fingerprint: Fingerprint, organisation: str, delegation: str, approver: str, acting: Acting
    ) -> tuple[Delegation, bool]:
        """Ends a delegation now; answers it, and whether this is a replay.

        Raises:
            ScopeRequired: the approver is another than the acting person.
            NotFound: there is no such delegation of theirs.
        """

        async def work(connection: Connection) -> bytes:
            owner = await acting_person(connection, organisation, acting, approver or None)
            found = await store.find(connection, organisation, delegation)
            if found is None or (owner is None and not acting.acts_for) or owner not in (None, found.approver):
                raise _not_found(organisation, delegation)
            await store.end(connection, organisation, delegation, self._clock.now())
            return delegation.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self._find(organisation, delegation), replayed

    async def list_seen(
        self, organisation: str, wanted: WantedDelegations, asked: Asked, acting: Acting
    ) -> tuple[list[Delegation], str]:
        """A page of the delegations that the viewer sees, the one made last first, and the token of the next one: of
        those that they have a part in, and for an admin of all.

        Raises:
            InvalidField: the size or the token is malformed.
            NotFound: there is no such organisation or viewer.
            ScopeRequired: the viewer is another than the acting person.
            RoleRequired: there is no viewer.
        """
        size = page_size(asked.size)
        async with self._database.acquire() as connection:
            viewer = await viewer_id(connection, organisation, asked.viewer, acting)
            everything = await is_admin(connection, organisation, asked.viewer, acting)
            if viewer is None and not everything:
                raise RoleRequired(Role.ADMIN.name)
            seen = replace(
                wanted,
                viewer=None if everything else viewer,
                not_ended_at=None if asked.include_ended else self._clock.now(),
            )
            filters = (wanted.approver or "", wanted.delegate or "", str(asked.include_ended))
            query = ("ListDelegations", organisation, viewer or "", *filters)
            position = Position(*read_place(asked.token, query, END), size + 1)
            found = await store.list_wanted(connection, organisation, seen, position)
        return cut(found, size, query, lambda one: (one.create_time, one.id))

    async def _find(self, organisation: str, delegation: str) -> Delegation:
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, delegation)
        if found is None:
            raise _not_found(organisation, delegation)
        return found


def _not_found(organisation: str, delegation: str) -> NotFound:
    return NotFound(f"organisations/{organisation}/delegations/{delegation}")
