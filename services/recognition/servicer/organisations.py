"""Organisations and their people: proto in, operation, proto out."""

from __future__ import annotations

from datetime import datetime

from guerdon.recognition.v1 import organisations_pb2 as pb
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.organisations import Organisation
from recognition.domain.people import BATCH_MAX, NewPerson, Person
from recognition.domain.periods import check_zone
from recognition.operations.organisations import Organisations
from recognition.operations.people import People
from recognition.servicer.naming import ORGANISATION, PERSON, person_id, tell_replay

_UNIT = "programs/{program}/units/{unit}"


class OrganisationServicer:
    """`guerdon.recognition.v1.OrganisationService`."""

    service = pb.DESCRIPTOR.services_by_name["OrganisationService"]

    def __init__(self, clock: Clock, organisations: Organisations, people: People) -> None:
        self._clock = clock
        self._organisations = organisations
        self._people = people

    async def create_organisation(
        self, request: pb.CreateOrganisationRequest, call: CallContext
    ) -> pb.CreateOrganisationResponse:
        """Makes an organisation."""
        organisation = read_organisation(request.organisation, self._clock.now())
        fingerprint = Fingerprint.of(call, request, organisation.name)
        made, replayed = await self._organisations.create(fingerprint, organisation, call.caller.actor)
        tell_replay(call, replayed)
        return pb.CreateOrganisationResponse(organisation=write_organisation(made))

    async def get_organisation(
        self, request: pb.GetOrganisationRequest, call: CallContext
    ) -> pb.GetOrganisationResponse:
        """Reads an organisation."""
        (organisation,) = parse(request.name, ORGANISATION)
        found = await self._organisations.get(organisation)
        return pb.GetOrganisationResponse(organisation=write_organisation(found))

    async def create_person(self, request: pb.CreatePersonRequest, call: CallContext) -> pb.CreatePersonResponse:
        """Adds a person."""
        person = read_person(request.person, None, "person")
        fingerprint = Fingerprint.of(call, request, f"organisations/{person.organisation}")
        [added], replayed = await self._people.create(
            fingerprint, person.organisation, [person], "person", call.caller.actor
        )
        tell_replay(call, replayed)
        return pb.CreatePersonResponse(person=write_person(added))

    async def batch_create_people(
        self, request: pb.BatchCreatePeopleRequest, call: CallContext
    ) -> pb.BatchCreatePeopleResponse:
        """Adds many people."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        if len(request.people) > BATCH_MAX:
            raise InvalidField.of("people", "must be 1 to 1,000")
        people = [read_person(person, organisation, f"people[{index}]") for index, person in enumerate(request.people)]
        fingerprint = Fingerprint.of(call, request, request.parent)
        added, replayed = await self._people.create(
            fingerprint, organisation, people, "people[{index}]", call.caller.actor
        )
        tell_replay(call, replayed)
        return pb.BatchCreatePeopleResponse(people=map(write_person, added))

    async def get_person(self, request: pb.GetPersonRequest, call: CallContext) -> pb.GetPersonResponse:
        """Reads a person."""
        organisation, person = parse(request.name, PERSON)
        found = await self._people.get(organisation, person)
        return pb.GetPersonResponse(person=write_person(found))

    async def list_people(self, request: pb.ListPeopleRequest, call: CallContext) -> pb.ListPeopleResponse:
        """Lists people by id."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListPeople", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._people.list_after(organisation, after, size + 1)
        more = len(found) > size
        return pb.ListPeopleResponse(
            people=map(write_person, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if more else "",
        )

    async def deactivate_person(
        self, request: pb.DeactivatePersonRequest, call: CallContext
    ) -> pb.DeactivatePersonResponse:
        """Takes a person out of giving and receiving."""
        organisation, person = parse(request.name, PERSON)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        found, replayed = await self._people.deactivate(fingerprint, organisation, person, call.caller.actor)
        tell_replay(call, replayed)
        return pb.DeactivatePersonResponse(person=write_person(found))


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
