"""Who may change or end a recognition: its giver, and those who run the organisation."""

from __future__ import annotations

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from recognition.domain.acting import Acting
from recognition.domain.errors import RoleRequired
from recognition.domain.recognitions import Recognition, State
from recognition.domain.roles import Role
from recognition.operations.acting import acting_person, require_role
from recognition.operations.viewing import find_seen
from recognition.store import recognitions as store


async def lock_for_author(
    connection: Connection, organisation: str, recognition: str, acting: Acting
) -> tuple[Recognition, str]:
    """Locks a recognition for its giver or an ADMIN, and answers it with the id of who acts (empty: a caller who may
    act for others, and is nobody here).

    Raises:
        NotFound: there is none, it is gone, or it is not theirs to see.
        RoleRequired: they see it, but it is another's.
    """
    await store.lock(connection, organisation, recognition)
    found = await store.find(connection, organisation, recognition)
    if found is None or found.state is not State.POSTED:
        raise NotFound(f"organisations/{organisation}/recognitions/{recognition}")
    person = await acting_person(connection, organisation, acting, None)
    if person == found.draft.giver:
        return found, person
    try:
        return found, await require_role(connection, organisation, acting, Role.ADMIN) or ""
    except RoleRequired:
        await find_seen(connection, organisation, recognition, person)
        raise
