"""Who takes part in a recognition."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from guerdon_kit.errors import DomainError, NotFound
from recognition.domain.errors import GivingNotAllowed, PersonDeactivated, ReceivingNotAllowed
from recognition.domain.people import person_name
from recognition.domain.roles import Standing


def check_parties(organisation: str, standings: Mapping[str, Standing], giver: str, receivers: Collection[str]) -> None:
    """Whether `giver` may give, and each of `receivers` receive; `standings` are those of the people that exist.

    Raises:
        NotFound: one of them does not exist.
        PersonDeactivated, GivingNotAllowed, ReceivingNotAllowed: as they say.
    """
    for person in (giver, *receivers):
        refusal = _absence(organisation, standings, person)
        if refusal is not None:
            raise refusal
    if not standings[giver].role.gives:
        raise GivingNotAllowed(person_name(organisation, giver), standings[giver].role.name)
    for receiver in receivers:
        refusal = receiver_refusal(organisation, standings, receiver)
        if refusal is not None:
            raise refusal


def receiver_refusal(organisation: str, standings: Mapping[str, Standing], person: str) -> DomainError | None:
    """Why the person may not receive points; None where they may. `standings` are those of the people that exist."""
    refusal = _absence(organisation, standings, person)
    if refusal is None and not standings[person].role.receives:
        return ReceivingNotAllowed(person_name(organisation, person), standings[person].role.name)
    return refusal


def _absence(organisation: str, standings: Mapping[str, Standing], person: str) -> DomainError | None:
    if person not in standings:
        return NotFound(person_name(organisation, person))
    if not standings[person].active:
        return PersonDeactivated(person_name(organisation, person))
    return None
