"""The contract's RPCs, each handed to the operation that keeps its promise."""

from __future__ import annotations

from guerdon.recognition.v1 import recognition_pb2 as pb
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.people import BATCH_MAX
from recognition.operations.giving import Giving
from recognition.operations.granting import Granting
from recognition.operations.organisations import Organisations
from recognition.operations.people import People
from recognition.operations.viewing import Viewing
from recognition.servicer import messages


class RecognitionServicer:
    """`guerdon.recognition.v1.RecognitionService`."""

    service = pb.DESCRIPTOR.services_by_name["RecognitionService"]

    def __init__(
        self,
        *,
        clock: Clock,
        organisations: Organisations,
        people: People,
        granting: Granting,
        giving: Giving,
        viewing: Viewing,
    ) -> None:
        self._clock = clock
        self._organisations = organisations
        self._people = people
        self._granting = granting
        self._giving = giving
        self._viewing = viewing

    async def create_organisation(
        self, request: pb.CreateOrganisationRequest, call: CallContext
    ) -> pb.CreateOrganisationResponse:
        """Makes an organisation."""
        organisation = messages.read_organisation(request.organisation, self._clock.now())
        fingerprint = Fingerprint.of(call, request, organisation.name)
        made, replayed = await self._organisations.create(fingerprint, organisation, call.caller.actor)
        _tell_replay(call, replayed)
        return pb.CreateOrganisationResponse(organisation=messages.write_organisation(made))

    async def get_organisation(
        self, request: pb.GetOrganisationRequest, call: CallContext
    ) -> pb.GetOrganisationResponse:
        """Reads an organisation."""
        (organisation,) = parse(request.name, messages.ORGANISATION)
        found = await self._organisations.get(organisation)
        return pb.GetOrganisationResponse(organisation=messages.write_organisation(found))

    async def create_person(self, request: pb.CreatePersonRequest, call: CallContext) -> pb.CreatePersonResponse:
        """Adds a person."""
        person = messages.read_person(request.person, None, "person")
        fingerprint = Fingerprint.of(call, request, f"organisations/{person.organisation}")
        [added], replayed = await self._people.create(
            fingerprint, person.organisation, [person], "person", call.caller.actor
        )
        _tell_replay(call, replayed)
        return pb.CreatePersonResponse(person=messages.write_person(added))

    async def batch_create_people(
        self, request: pb.BatchCreatePeopleRequest, call: CallContext
    ) -> pb.BatchCreatePeopleResponse:
        """Adds many people."""
        (organisation,) = parse(request.parent, messages.ORGANISATION, "parent")
        if len(request.people) > BATCH_MAX:
            raise InvalidField.of("people", "must be 1 to 1,000")
        people = [
            messages.read_person(person, organisation, f"people[{index}]")
            for index, person in enumerate(request.people)
        ]
        fingerprint = Fingerprint.of(call, request, request.parent)
        added, replayed = await self._people.create(
            fingerprint, organisation, people, "people[{index}]", call.caller.actor
        )
        _tell_replay(call, replayed)
        return pb.BatchCreatePeopleResponse(people=map(messages.write_person, added))

    async def get_person(self, request: pb.GetPersonRequest, call: CallContext) -> pb.GetPersonResponse:
        """Reads a person."""
        organisation, person = parse(request.name, messages.PERSON)
        found = await self._people.get(organisation, person)
        return pb.GetPersonResponse(person=messages.write_person(found))

    async def list_people(self, request: pb.ListPeopleRequest, call: CallContext) -> pb.ListPeopleResponse:
        """Lists people by id."""
        (organisation,) = parse(request.parent, messages.ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListPeople", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._people.list_after(organisation, after, size + 1)
        more = len(found) > size
        return pb.ListPeopleResponse(
            people=map(messages.write_person, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if more else "",
        )

    async def deactivate_person(
        self, request: pb.DeactivatePersonRequest, call: CallContext
    ) -> pb.DeactivatePersonResponse:
        """Takes a person out of giving and receiving."""
        organisation, person = parse(request.name, messages.PERSON)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        found, replayed = await self._people.deactivate(fingerprint, organisation, person, call.caller.actor)
        _tell_replay(call, replayed)
        return pb.DeactivatePersonResponse(person=messages.write_person(found))

    async def grant_allowances(
        self, request: pb.GrantAllowancesRequest, call: CallContext
    ) -> pb.GrantAllowancesResponse:
        """Grants the current month."""
        (organisation,) = parse(request.parent, messages.ORGANISATION, "parent")
        fingerprint = Fingerprint.of(call, request, request.parent)
        granted, replayed = await self._granting.grant(fingerprint, organisation, request.period)
        _tell_replay(call, replayed)
        return pb.GrantAllowancesResponse(
            period=granted.period,
            granted_count=granted.granted,
            existing_count=granted.existing,
            expire_time=timestamp(granted.expire_time),
        )

    async def get_allowance(self, request: pb.GetAllowanceRequest, call: CallContext) -> pb.GetAllowanceResponse:
        """Reads what a person has left to give."""
        organisation, person = parse(request.name, messages.ALLOWANCE)
        allowance = await self._granting.allowance(organisation, person, messages.acting(call.caller))
        return pb.GetAllowanceResponse(allowance=messages.write_allowance(allowance))

    async def create_recognition(
        self, request: pb.CreateRecognitionRequest, call: CallContext
    ) -> pb.CreateRecognitionResponse:
        """Gives."""
        (organisation,) = parse(request.parent, messages.ORGANISATION, "parent")
        draft = messages.read_draft(request.recognition, organisation)
        fingerprint = Fingerprint.of(call, request, request.parent)
        given, replayed = await self._giving.create(fingerprint, draft, messages.acting(call.caller))
        _tell_replay(call, replayed)
        return pb.CreateRecognitionResponse(recognition=messages.write_recognition(given))

    async def get_recognition(self, request: pb.GetRecognitionRequest, call: CallContext) -> pb.GetRecognitionResponse:
        """Reads a recognition."""
        organisation, recognition = parse(request.name, messages.RECOGNITION)
        viewer = messages.optional_person_id(request.viewer, organisation, "viewer")
        found = await self._viewing.get(organisation, recognition, viewer, messages.acting(call.caller))
        return pb.GetRecognitionResponse(recognition=messages.write_recognition(found))

    async def list_recognitions(
        self, request: pb.ListRecognitionsRequest, call: CallContext
    ) -> pb.ListRecognitionsResponse:
        """The feed."""
        (organisation,) = parse(request.parent, messages.ORGANISATION, "parent")
        found, next_token = await self._viewing.list_feed(
            organisation,
            value=request.value or None,
            person=messages.optional_person_id(request.person, organisation, "person"),
            viewer=messages.optional_person_id(request.viewer, organisation, "viewer"),
            acting=messages.acting(call.caller),
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListRecognitionsResponse(
            recognitions=map(messages.write_recognition, found), next_page_token=next_token
        )


def _tell_replay(call: CallContext, replayed: bool) -> None:
    if replayed:
        call.mark_replayed()
