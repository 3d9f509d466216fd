"""Seeing awards: who has a part in one sees its steps, others what was given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database
from recognition.domain.acting import Acting
from recognition.domain.approvals import Staff, right_of
from recognition.domain.awards import Award, AwardState, award_name
from recognition.domain.errors import AlreadyDecided, NotApprover, OwnAward
from recognition.domain.roles import Role
from recognition.operations import organisations, people
from recognition.operations.acting import acting_person, require_role
from recognition.operations.staff import standings
from recognition.store import awards as store
from recognition.store import delegations as delegation_store
from recognition.store.positions import Position


class AwardList(Enum):
    """Which awards a list is of."""

    GIVEN = "given"
    TO_DECIDE = "to_decide"
    NOMINATED = "nominated"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that somebody asks for; `viewer` is None where it is the acting person."""

    organisation: str
    list: AwardList
    viewer: str | None
    size: int
    token: str


class AwardViewing:
    """Awards, as people see them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, organisation: str, award: str, viewer: str | None, acting: Acting) -> Award:
        """The award, as the viewer sees it: the acting person where None is named.

        Raises:
            NotFound: there is none, or it is not theirs to see.
            ScopeRequired: the viewer is another than the acting person.
        """
        async with self._database.acquire() as connection:
            person = await acting_person(connection, organisation, acting, viewer)
            found = await store.find(connection, organisation, award)
            if found is not None:
                if person is None and acting.acts_for:
                    return found
                if person is not None and await self._sees_steps(connection, found, person):
                    return found
        if found is None or not found.shown_to(person):
            raise NotFound(award_name(organisation, award))
        return replace(found, steps=())

    async def list_awards(self, asked: Asked, acting: Acting) -> tuple[list[Award], str]:
        """A page of awards without steps, newest first, and the token of the next one.

        Raises:
            InvalidField: the size or the token is malformed, or nobody is there to whom the list belongs.
            NotFound: there is no such organisation or viewer.
            ScopeRequired: the viewer is another than the acting person.
            RoleRequired: the list is of all, and the caller is no admin.
        """
        size = page_size(asked.size)
        organisation = asked.organisation
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            viewer = await acting_person(connection, organisation, acting, asked.viewer)
            if viewer is not None:
                await people.find(connection, organisation, viewer)
            query = ("ListAwards", organisation, asked.list.value, viewer or "")
            position = Position(*read_place(asked.token, query, END), size + 1)
            found = await self._listed(connection, asked, viewer, acting, position)
        return cut(found, size, query, lambda one: (one.create_time, one.id))

    async def _listed(
        self, connection: Connection, asked: Asked, viewer: str | None, acting: Acting, position: Position
    ) -> list[Award]:
        organisation = asked.organisation
        if asked.list is AwardList.GIVEN:
            return await store.list_given(connection, organisation, viewer, position)
        if asked.list is AwardList.ALL:
            await require_role(connection, organisation, acting, Role.ADMIN)
            return await store.list_all(connection, organisation, viewer, position)
        if viewer is None:
            raise InvalidField.of("viewer", "is required: the token names no active person here")
        if asked.list is AwardList.NOMINATED:
            return await store.list_of_nominator(connection, organisation, viewer, position)
        delegators = await delegation_store.delegators(connection, organisation, viewer, self._clock.now())
        known = await standings(connection, organisation, {viewer, *delegators})
        able = {id_: standing.role for id_, standing in known.items() if standing.active}
        return await store.list_to_decide(connection, organisation, viewer, able, position)

    async def _sees_steps(self, connection: Connection, award: Award, viewer: str) -> bool:
        """Whether they have a part in it, are to decide about it, or are an admin; the nominee never."""
        organisation = award.nomination.organisation
        if viewer == award.nomination.nominee:
            return False
        if award.concerns(viewer):
            return True
        delegators = await delegation_store.delegators(connection, organisation, viewer, self._clock.now())
        known = await standings(connection, organisation, {viewer, *delegators})
        if Staff((), known).has(viewer, Role.ADMIN):
            return True
        if award.state is not AwardState.IN_APPROVAL:
            return False
        try:
            right_of(award.case, award.level, award.approver, viewer, delegators, known)
        except (OwnAward, AlreadyDecided, NotApprover):
            return False
        return True
