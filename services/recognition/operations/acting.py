"""Who acts: the person whom the token names, or one whom a caller with the right to may name."""

from __future__ import annotations

from guerdon_kit.errors import NotFound, ScopeRequired
from guerdon_kit.postgres import Connection
from recognition.domain.acting import ACT_FOR_SCOPE, Acting
from recognition.domain.errors import RoleRequired
from recognition.domain.people import person_name
from recognition.domain.roles import Role
from recognition.store import people as store


async def acting_person(connection: Connection, organisation: str, acting: Acting, named: str | None) -> str | None:
    """The id of the person on whose behalf the caller acts: `named`, or else the active one whom the token names.
    None where it names nobody of this organisation.

    Raises:
        ScopeRequired: another person is named, and the caller may not act for others.
    """
    found = await store.find_by_identity(connection, organisation, acting.identity)
    return _may_act_as(acting, None if found is None else found[0], named)


async def viewer_id(connection: Connection, organisation: str, viewer: str | None, acting: Acting) -> str | None:
    """The id of who looks: `viewer`, or else the acting person; None where the token names nobody here.

    Raises:
        NotFound: there is no such organisation or viewer.
        ScopeRequired: the viewer is another than the acting person.
    """
    found = await store.find_viewer(connection, organisation, acting.identity, viewer)
    if not found.organisation_known:
        raise NotFound(f"organisations/{organisation}")
    person = _may_act_as(acting, found.own, viewer)
    if viewer is not None and not found.viewer_known:
        raise NotFound(person_name(organisation, viewer))
    return person


async def require_role(connection: Connection, organisation: str, acting: Acting, *roles: Role) -> str | None:
    """The id of the active person whom the token names, who has one of `roles`; a caller who may act for others needs
    none, and has no id where the token names nobody here.

    Raises:
        RoleRequired: the token names nobody with such a role, and the caller may not act for others.
    """
    found = await store.find_by_identity(connection, organisation, acting.identity)
    if found is not None and (found[1] in roles or acting.acts_for):
        return found[0]
    if not acting.acts_for:
        raise RoleRequired(" or ".join(role.name for role in roles))
    return None


def _may_act_as(acting: Acting, own: str | None, named: str | None) -> str | None:
    """The one that is `named`, or else the caller's `own` person.

    Raises:
        ScopeRequired: another person is named, and the caller may not act for others.
    """
    if named is None or named == own:
        return own
    if not acting.acts_for:
        raise ScopeRequired(ACT_FOR_SCOPE)
    return named
