"""How requests name people and whose they are, in every service of recognition."""

from __future__ import annotations

from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask

from guerdon_kit.auth import Caller
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.names import parse
from recognition.domain.acting import ACT_FOR_SCOPE, Acting
from recognition.domain.disbursements import RECEIVERS_MAX

ORGANISATION = "organisations/{organisation}"
PERSON = "organisations/{organisation}/people/{person}"
RECOGNITION = "organisations/{organisation}/recognitions/{recognition}"
TEAM = "organisations/{organisation}/teams/{team}"
AWARD_BUDGET = "organisations/{organisation}/awardBudgets/{award_budget}"


def acting(caller: Caller) -> Acting:
    """On whose behalf a caller acts: one of our services for the subject it names, anybody else for themselves."""
    identity = (caller.act or "") if caller.service else caller.name
    return Acting(identity, caller.may(ACT_FOR_SCOPE), caller.actor)


def person_id(name: str, organisation: str, field: str) -> str:
    """The id of a person of this organisation.

    Raises:
        InvalidField: it is no person's name, or one of another organisation.
    """
    owner, person = parse(name, PERSON, field)
    if owner != organisation:
        raise InvalidField.of(field, f"must be a person of organisations/{organisation}")
    return person


def optional_person_id(name: str, organisation: str, field: str) -> str | None:
    """The same, or None where the field is empty."""
    return person_id(name, organisation, field) if name else None


def receiver_ids(names: Collection[str], organisation: str) -> tuple[str, ...]:
    """The ids of people of this organisation, in their order.

    Raises:
        InvalidField: there are more than 100, or one is no person's name, or one of another organisation.
    """
    if len(names) > RECEIVERS_MAX:
        raise InvalidField.of("receivers", "must be 1 to 100")
    return tuple(person_id(name, organisation, f"receivers[{index}]") for index, name in enumerate(names))


def budget_id(name: str, organisation: str, field: str) -> str:
    """The id of an award budget of this organisation.

    Raises:
        InvalidField: it is no budget's name, or one of another organisation.
    """
    owner, budget = parse(name, AWARD_BUDGET, field)
    if owner != organisation:
        raise InvalidField.of(field, f"must be a budget of organisations/{organisation}")
    return budget


def owned_id(name: str, pattern: str, organisation: str, field: str) -> str:
    """The last id of a name of that pattern, of what belongs to this organisation.

    Raises:
        InvalidField: it is no such name, or one of another organisation.
    """
    owner, *_, id_ = parse(name, pattern, field)
    if owner != organisation:
        raise InvalidField.of(field, f"must be one of organisations/{organisation}")
    return id_


def team_id(name: str, organisation: str, field: str) -> str:
    """The id of a team of this organisation.

    Raises:
        InvalidField: it is no team's name, or one of another organisation.
    """
    owner, team = parse(name, TEAM, field)
    if owner != organisation:
        raise InvalidField.of(field, f"must be a team of organisations/{organisation}")
    return team


def optional_team_id(name: str, organisation: str, field: str) -> str | None:
    """The same, or None where the field is empty."""
    return team_id(name, organisation, field) if name else None


def read_mask(mask: FieldMask, changeable: Collection[str]) -> frozenset[str]:
    """The fields that are to be changed.

    Raises:
        InvalidField: there is none, or one that does not change.
    """
    fields = frozenset(mask.paths)
    if not fields or not fields <= frozenset(changeable):
        raise InvalidField.of("update_mask", f"must be some of {', '.join(sorted(changeable))}")
    return fields


def tell_replay(call: CallContext, replayed: bool) -> None:
    """Tells the caller that the request was carried out before."""
    if replayed:
        call.mark_replayed()
