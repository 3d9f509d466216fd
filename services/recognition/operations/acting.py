"""Who acts: the person whom the token names, or one whom a caller with the right to may name."""

from __future__ import annotations

from guerdon_kit.errors import ScopeRequired
from guerdon_kit.postgres import Connection
from recognition.domain.acting import ACT_FOR_SCOPE, Acting
from recognition.domain.errors import RoleRequired
from recognition.domain.roles import Role
from recognition.store import people as store


async def acting_person(connection: Connection, organisation: str, acting: Acting, named: str | None) -> str | None:
    """The id of the person on whose behalf the caller acts: `named`, or else the active one whom the token names.
    None where it names nobody of this organisation.

    Raises:
        ScopeRequired: another person is named, and the caller may not act for others.
    """
    found = await store.find_by_identity(connection, organisation, acting.identity)
    own = None if found is None else found[0]
    if named is None or named == own:
        return own
    if not acting.acts_for:
        raise ScopeRequired(ACT_FOR_SCOPE)
    return named


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
