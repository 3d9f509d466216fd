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
    for refusal in refusals(organisation, standings, giver, receivers):
        raise refusal


def refusals(
    organisation: str, standings: Mapping[str, Standing], giver: str, receivers: Collection[str]
) -> list[DomainError]:
    """Why these people may not give and receive: who is not there first, then what their roles say."""
    absent = {person: _absence(organisation, standings, person) for person in (giver, *receivers)}
    found: list[DomainError] = [refusal for refusal in absent.values() if refusal is not None]
    if absent[giver] is None and not standings[giver].role.gives:
        found.append(GivingNotAllowed(person_name(organisation, giver), standings[giver].role.name))
    receiving = (receiver_refusal(organisation, standings, one) for one in receivers if absent[one] is None)
    return found + [refusal for refusal in receiving if refusal is not None]


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
