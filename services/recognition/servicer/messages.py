"""Between the contract's messages and the domain."""

from __future__ import annotations

from datetime import datetime

from guerdon.recognition.v1 import resources_pb2 as pb
from guerdon_kit.auth import Caller
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from recognition.domain.acting import ACT_FOR_SCOPE, Acting
from recognition.domain.allowances import Allowance
from recognition.domain.organisations import Organisation
from recognition.domain.people import NewPerson, Person, person_name
from recognition.domain.periods import check_zone
from recognition.domain.recognitions import RECEIVERS_MAX, Draft, Recognition, Visibility

ORGANISATION = "organisations/{organisation}"
PERSON = "organisations/{organisation}/people/{person}"
ALLOWANCE = "organisations/{organisation}/people/{person}/allowance"
RECOGNITION = "organisations/{organisation}/recognitions/{recognition}"
_UNIT = "programs/{program}/units/{unit}"

_VISIBILITIES = {
    pb.VISIBILITY_PUBLIC: Visibility.PUBLIC,
    pb.VISIBILITY_PRIVATE: Visibility.PRIVATE,
}
_VISIBILITY_NUMBERS = {visibility: number for number, visibility in _VISIBILITIES.items()}


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


def read_organisation(message: pb.Organisation, create_time: datetime) -> Organisation:
    """An organisation to make."""
    (organisation,) = parse(message.name, ORGANISATION, "organisation.name")
    program, unit = parse(message.unit, _UNIT, "organisation.unit")
    return Organisation(
        id=organisation,
        display_name=message.display_name,
        program=program,
        unit=unit,
        time_zone=check_zone(message.time_zone, "organisation.time_zone"),
        values=tuple(message.values),
        monthly_allowance=message.monthly_allowance,
        create_time=create_time,
    )


def read_person(message: pb.Person, organisation: str | None, field: str) -> NewPerson:
    """A person to add, of this organisation if one is given."""
    owner, person = parse(message.name, PERSON, f"{field}.name")
    if organisation is not None:
        person_id(message.name, organisation, f"{field}.name")
    return NewPerson(owner, person, message.display_name, message.identity)


def read_draft(message: pb.Recognition, organisation: str) -> Draft:
    """A recognition to give; the giver is empty where none is named."""
    if len(message.receivers) > RECEIVERS_MAX:
        raise InvalidField.of("recognition.receivers", "must be 1 to 100")
    visibility = _VISIBILITIES.get(message.visibility)
    if visibility is None:
        raise InvalidField.of("recognition.visibility", "must be PUBLIC or PRIVATE")
    return Draft(
        organisation=organisation,
        giver=optional_person_id(message.giver, organisation, "recognition.giver") or "",
        receivers=tuple(
            person_id(name, organisation, f"recognition.receivers[{index}]")
            for index, name in enumerate(message.receivers)
        ),
        amount=message.amount,
        message=message.message,
        values=tuple(message.values),
        visibility=visibility,
    )


def write_organisation(organisation: Organisation) -> pb.Organisation:
    """The contract's organisation."""
    return pb.Organisation(
        name=organisation.name,
        display_name=organisation.display_name,
        unit=organisation.unit_name,
        time_zone=organisation.time_zone,
        values=organisation.values,
        monthly_allowance=organisation.monthly_allowance,
        budget_account=organisation.budget_account,
        create_time=timestamp(organisation.create_time),
    )


def write_person(person: Person) -> pb.Person:
    """The contract's person."""
    return pb.Person(
        name=person.name,
        display_name=person.display_name,
        identity=person.identity,
        state=pb.PERSON_STATE_ACTIVE if person.active else pb.PERSON_STATE_DEACTIVATED,
        allowance_account=person.allowance_account,
        rewards_account=person.rewards_account,
        create_time=timestamp(person.create_time),
    )


def write_allowance(allowance: Allowance) -> pb.Allowance:
    """The contract's allowance."""
    return pb.Allowance(
        name=f"{person_name(allowance.organisation, allowance.person)}/allowance",
        period=allowance.period,
        granted_amount=allowance.granted_amount,
        available_amount=allowance.available_amount,
        expire_time=timestamp(allowance.expire_time),
    )


def write_recognition(recognition: Recognition) -> pb.Recognition:
    """The contract's recognition."""
    draft = recognition.draft
    return pb.Recognition(
        name=recognition.name,
        giver=person_name(draft.organisation, draft.giver),
        receivers=[person_name(draft.organisation, receiver) for receiver in draft.receivers],
        amount=draft.amount,
        message=draft.message,
        values=draft.values,
        visibility=_VISIBILITY_NUMBERS[draft.visibility],
        create_time=timestamp(recognition.create_time),
        transaction=recognition.transaction,
    )
