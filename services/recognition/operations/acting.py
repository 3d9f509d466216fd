"""Who acts: the person whom the token names, or one whom a caller with the right to may name."""

from __future__ import annotations

from guerdon_kit.errors import ScopeRequired
from guerdon_kit.postgres import Connection
from recognition.domain.acting import ACT_FOR_SCOPE, Acting
from recognition.store import people as store


async def acting_person(connection: Connection, organisation: str, acting: Acting, named: str | None) -> str | None:
    """The id of the person on whose behalf the caller acts: `named`, or else the active one whom the token names.
    None where it names nobody of this organisation.

    Raises:
        ScopeRequired: another person is named, and the caller may not act for others.
    """
    own = await store.find_by_identity(connection, organisation, acting.identity)
    if named is None or named == own:
        return own
    if not acting.acts_for:
        raise ScopeRequired(ACT_FOR_SCOPE)
    return named
