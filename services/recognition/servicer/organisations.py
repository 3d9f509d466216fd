"""Organisations and their people: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import organisations_pb2 as pb
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.people import BATCH_MAX
from recognition.operations.organisations import Organisations
from recognition.operations.people import People
from recognition.servicer.naming import ORGANISATION, PERSON, optional_team_id, read_mask, tell_replay
from recognition.servicer.organisation_messages import (
    ORGANISATION_FIELDS,
    read_organisation,
    read_organisation_changes,
    write_organisation,
)
from recognition.servicer.people_messages import PERSON_FIELDS, read_person, write_person


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

    async def update_organisation(
        self, request: pb.UpdateOrganisationRequest, call: CallContext
    ) -> pb.UpdateOrganisationResponse:
        """Changes an organisation."""
        (organisation,) = parse(request.organisation.name, ORGANISATION, "organisation.name")
        fields = read_mask(request.update_mask, ORGANISATION_FIELDS)
        changes = read_organisation_changes(request.organisation, fields)
        fingerprint = Fingerprint.of(call, request, request.organisation.name)
        changed, replayed = await self._organisations.update(fingerprint, organisation, changes)
        tell_replay(call, replayed)
        return pb.UpdateOrganisationResponse(organisation=write_organisation(changed))

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
        team = optional_team_id(request.team, organisation, "team")
        query = ("ListPeople", organisation, request.user_name, request.team)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._people.list_after(
            organisation, after, size + 1, user_name=request.user_name, team=team or ""
        )
        more = len(found) > size
        return pb.ListPeopleResponse(
            people=map(write_person, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if more else "",
        )

    async def update_person(self, request: pb.UpdatePersonRequest, call: CallContext) -> pb.UpdatePersonResponse:
        """Changes a person."""
        person = read_person(request.person, None, "person")
        fields = read_mask(request.update_mask, PERSON_FIELDS)
        fingerprint = Fingerprint.of(call, request, f"organisations/{person.organisation}")
        changed, replayed = await self._people.update(
            fingerprint, person.organisation, person.id, person.profile, fields
        )
        tell_replay(call, replayed)
        return pb.UpdatePersonResponse(person=write_person(changed))

    async def deactivate_person(
        self, request: pb.DeactivatePersonRequest, call: CallContext
    ) -> pb.DeactivatePersonResponse:
        """Takes a person out of giving and receiving."""
        organisation, person = parse(request.name, PERSON)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        found, replayed = await self._people.deactivate(fingerprint, organisation, person, call.caller.actor)
        tell_replay(call, replayed)
        return pb.DeactivatePersonResponse(person=write_person(found))

    async def reactivate_person(
        self, request: pb.ReactivatePersonRequest, call: CallContext
    ) -> pb.ReactivatePersonResponse:
        """Takes a person in again."""
        organisation, person = parse(request.name, PERSON)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        found, replayed = await self._people.reactivate(fingerprint, organisation, person)
        tell_replay(call, replayed)
        return pb.ReactivatePersonResponse(person=write_person(found))
