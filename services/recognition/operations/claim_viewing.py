"""Seeing claims: who made one, who decides about it or decided, and admins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database
from recognition.domain.acting import Acting
from recognition.domain.errors import RoleRequired
from recognition.domain.incentives import Claim, WantedClaims, claim_name
from recognition.domain.roles import Role
from recognition.operations.acting import acting_person, viewer_id
from recognition.operations.seeing import is_admin
from recognition.operations.staff import standings
from recognition.store import delegations as delegation_store
from recognition.store import incentives as store
from recognition.store.positions import Position


class ClaimList(Enum):
    """Which claims a list is of."""

    CLAIMED = "claimed"
    TO_DECIDE = "to_decide"
    DECIDED = "decided"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that somebody asks for; `viewer` is None where it is the acting person."""

    organisation: str
    list: ClaimList
    wanted: WantedClaims
    viewer: str | None
    size: int
    token: str


class ClaimViewing:
    """Claims, as people see them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, organisation: str, incentive: str, claim: str, viewer: str | None, acting: Acting) -> Claim:
        """A claim, for whoever made it, reviews it or reviewed it, and admins.

        Raises:
            NotFound: there is none, or it is not theirs to see.
            ScopeRequired: the viewer is another than the acting person.
        """
        async with self._database.acquire() as connection:
            person = await acting_person(connection, organisation, acting, viewer)
            found = await store.find_claim(connection, organisation, incentive, claim)
            if found is None or not await self._sees(connection, found, person, acting):
                raise NotFound(claim_name(organisation, incentive, claim))
        return found

    async def list_claims(self, asked: Asked, acting: Acting) -> tuple[list[Claim], str]:
        """A page of claims, newest first, and the token of the next one.

        Raises:
            InvalidField: the size or the token is malformed, or nobody is there to whom the list belongs.
            NotFound: there is no such organisation or viewer.
            ScopeRequired: the viewer is another than the acting person.
            RoleRequired: the list is of all, and the viewer is no admin.
        """
        size = page_size(asked.size)
        organisation, wanted = asked.organisation, asked.wanted
        async with self._database.acquire() as connection:
            viewer = await viewer_id(connection, organisation, asked.viewer, acting)
            state = wanted.state.value if wanted.state else ""
            filters = (wanted.incentive or "", wanted.person or "", state)
            query = ("ListClaims", organisation, asked.list.value, viewer or "", *filters)
            position = Position(*read_place(asked.token, query, END), size + 1)
            found = await self._listed(connection, asked, viewer, acting, position)
        return cut(found, size, query, lambda one: (one.create_time, one.id))

    async def _listed(
        self, connection: Connection, asked: Asked, viewer: str | None, acting: Acting, position: Position
    ) -> list[Claim]:
        organisation, wanted = asked.organisation, asked.wanted
        if asked.list is ClaimList.ALL:
            if not await is_admin(connection, organisation, asked.viewer, acting):
                raise RoleRequired(Role.ADMIN.name)
            return await store.list_claims(connection, organisation, wanted, position)
        if viewer is None:
            raise InvalidField.of("viewer", "is required: the token names no active person here")
        if asked.list is ClaimList.DECIDED:
            return await store.list_claims(connection, organisation, replace(wanted, decider=viewer), position)
        if asked.list is ClaimList.CLAIMED:
            if wanted.person not in (None, viewer):
                return []
            return await store.list_claims(connection, organisation, replace(wanted, person=viewer), position)
        delegators = await delegation_store.delegators(connection, organisation, viewer, self._clock.now())
        known = await standings(connection, organisation, {viewer, *delegators})
        able = {id_: standing.role for id_, standing in known.items() if standing.active}
        return await store.list_to_decide(connection, organisation, viewer, able, wanted, position)

    async def _sees(self, connection: Connection, claim: Claim, person: str | None, acting: Acting) -> bool:
        if person is None:
            return acting.acts_for
        if person in {claim.made.person, claim.reviewer, claim.decided_by, claim.right_of}:
            return True
        organisation = claim.made.organisation
        delegators = await delegation_store.delegators(connection, organisation, person, self._clock.now())
        known = await standings(connection, organisation, {person, *delegators})
        role = claim.chain[0].approver.role if claim.chain else None
        roles = {standing.role for standing in known.values() if standing.active}
        return claim.reviewer in delegators or Role.ADMIN in roles or (role is not None and role in roles)
