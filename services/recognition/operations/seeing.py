"""Who may see how much of what is counted: what is public, or everything of those whom they see to."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from recognition.domain.acting import Acting
from recognition.domain.errors import RoleRequired
from recognition.domain.insights import PUBLIC, Sight
from recognition.domain.roles import Role
from recognition.operations import people
from recognition.operations.acting import acting_person


async def sight(
    connection: Connection, organisation: str, viewer: str | None, acting: Acting, *, everything: bool
) -> Sight:
    """What the viewer (the acting person where None is named) may see: what is public, or `everything`.

    Raises:
        NotFound: there is no such viewer.
        ScopeRequired: the viewer is another than the acting person.
        RoleRequired: everything is asked for by who is neither an admin nor a manager.
    """
    person = await acting_person(connection, organisation, acting, viewer)
    if person is None and acting.acts_for:
        return Sight(everything=everything)
    role = None if person is None else (await people.find(connection, organisation, person)).profile.role
    if not everything:
        return PUBLIC
    if role is Role.ADMIN:
        return Sight(everything=True)
    if role is Role.MANAGER:
        return Sight(everything=True, under=person)
    raise RoleRequired(f"{Role.ADMIN.name} or {Role.MANAGER.name}")


async def is_admin(connection: Connection, organisation: str, viewer: str | None, acting: Acting) -> bool:
    """Whether all is the viewer's to see: they are an active admin, or nobody, and the caller may act for others.

    Raises:
        NotFound: there is no such viewer.
        ScopeRequired: the viewer is another than the acting person.
    """
    person = await acting_person(connection, organisation, acting, viewer)
    if person is None:
        return acting.acts_for
    found = await people.find(connection, organisation, person)
    return found.active and found.profile.role is Role.ADMIN
