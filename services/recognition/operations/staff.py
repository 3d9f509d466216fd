"""Who could decide about somebody's award."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from guerdon_kit.postgres import Connection
from recognition.domain.approvals import Level, Staff
from recognition.domain.parties import receiver_refusal
from recognition.domain.roles import Standing
from recognition.store import awards as store
from recognition.store import people as people_store


async def load_staff(
    connection: Connection, organisation: str, nominee: str, chain: Sequence[Level], parts: Collection[str]
) -> Staff:
    """The nominee's managers, whom the chain names, and some of those who have its roles, but for who had a part in it
    already (`parts`). Nobody of them is locked: who leaves later does not decide.
    """
    above = await people_store.above(connection, organisation, nominee)
    line = []
    manager = above.get(nominee)
    while manager:
        line.append(manager)
        manager = above.get(manager)
    named = {level.approver.person for level in chain if level.approver.person}
    known = await standings(connection, organisation, {nominee, *line, *named})
    roles = {level.approver.role for level in chain if level.approver.role}
    holders = await store.holders(connection, organisation, roles, {nominee, *parts}) if roles else {}
    return Staff(tuple(line), known | holders)


async def require_receiver(connection: Connection, organisation: str, person: str) -> None:
    """Locks somebody who would get points: that they may receive them stays so until the transaction ends. What is
    approved then is owed, whatever becomes of them.

    Raises:
        NotFound: there is no such person.
        PersonDeactivated, ReceivingNotAllowed: as they say.
    """
    refusal = receiver_refusal(organisation, await people_store.lock(connection, organisation, {person}), person)
    if refusal is not None:
        raise refusal


async def standings(connection: Connection, organisation: str, people: Collection[str]) -> dict[str, Standing]:
    """Those of the people that exist, and how they stand just now."""
    found = await people_store.find(connection, organisation, people)
    return {id_: Standing(person.active, person.profile.role) for id_, person in found.items()}
