"""Imports: proto in, operation, proto out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from guerdon.recognition.v1 import imports_pb2 as pb
from guerdon_kit.errors import DomainError, InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant
from guerdon_kit.grpc.status import to_status
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import check_id, parse
from recognition.domain.imports import RECEIVERS_MAX, ROWS_MAX, Row
from recognition.domain.people import BATCH_MAX
from recognition.domain.recognitions import Draft, Visibility
from recognition.operations.importing import Imported, Importing, NewChunk
from recognition.operations.people_imports import PeopleImports
from recognition.servicer.naming import ORGANISATION, read_mask, tell_replay
from recognition.servicer.people_messages import PERSON_FIELDS, read_person
from recognition.servicer.recognition_messages import VISIBILITIES

_NUMBER_MAX = 2**53


class ImportServicer:
    """`guerdon.recognition.v1.ImportService`."""

    service = pb.DESCRIPTOR.services_by_name["ImportService"]

    def __init__(self, people: PeopleImports, importing: Importing) -> None:
        self._people = people
        self._importing = importing

    async def import_people(self, request: pb.ImportPeopleRequest, call: CallContext) -> pb.ImportPeopleResponse:
        """Adds people and brings them up to date."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        if len(request.people) > BATCH_MAX:
            raise InvalidField.of("people", "must be 1 to 1,000")
        fields = read_mask(request.update_mask, PERSON_FIELDS)
        people = [read_person(person, organisation, f"people[{index}]") for index, person in enumerate(request.people)]
        fingerprint = Fingerprint.of(call, request, request.parent)
        imported, replayed = await self._people.run(fingerprint, organisation, people, fields, call.caller.actor)
        tell_replay(call, replayed)
        return pb.ImportPeopleResponse(
            created_count=imported.created,
            updated_count=imported.updated,
            unchanged_count=imported.unchanged,
            errors=[
                pb.ImportPeopleResponse.PersonError(index=index, error=to_status(imported.errors[index]))
                for index in sorted(imported.errors)
            ],
        )

    async def import_recognitions(
        self, requests: AsyncIterator[pb.ImportRecognitionsRequest], call: CallContext
    ) -> AsyncIterator[pb.ImportRecognitionsResponse]:
        """Imports recognitions, chunk by chunk."""
        async with aclosing(self._importing.run(_chunks(requests, call))) as answers:
            async for imported in answers:
                yield _imported(imported)


async def _chunks(requests: AsyncIterator[pb.ImportRecognitionsRequest], call: CallContext) -> AsyncIterator[NewChunk]:
    parent = ""
    async for request in requests:
        if parent and request.parent != parent:
            raise InvalidField.of("parent", "must be the same in every message of a stream")
        parent = request.parent
        (organisation,) = parse(parent, ORGANISATION, "parent")
        if not 1 <= request.first_row <= _NUMBER_MAX:
            raise InvalidField.of("first_row", "must be between 1 and 2^53")
        if not 1 <= len(request.rows) <= ROWS_MAX:
            raise InvalidField.of("rows", "must be 1 to 1,000")
        if sum(len(row.receiver_ids) for row in request.rows) > RECEIVERS_MAX:
            raise InvalidField.of("rows", "must have at most 5,000 receivers together")
        rows: list[Row] = []
        unreadable: dict[int, DomainError] = {}
        for place, message in enumerate(request.rows):
            try:
                rows.append(_row(place, message, organisation))
            except InvalidField as refusal:
                unreadable[place] = refusal
        yield NewChunk(
            organisation=organisation,
            request_id=request.request_id,
            fingerprint=Fingerprint.of(call, request, request.parent),
            first_row=request.first_row,
            rows=rows,
            unreadable=unreadable,
            actor=call.caller.actor,
        )


def _row(place: int, message: pb.RecognitionRow, organisation: str) -> Row:
    visibility = VISIBILITIES.get(message.visibility)
    if visibility is None:
        raise InvalidField.of("visibility", "must be PUBLIC, TEAM or PRIVATE")
    if visibility is Visibility.TEAM and not message.team_ids:
        raise InvalidField.of("team_ids", "is required where visibility is TEAM")
    draft = Draft(
        organisation=organisation,
        giver=check_id(message.giver_id, "giver_id"),
        receivers=tuple(check_id(id_, f"receiver_ids[{index}]") for index, id_ in enumerate(message.receiver_ids)),
        amount=message.amount,
        message=message.message,
        values=tuple(message.values),
        visibility=visibility,
        teams=tuple(check_id(id_, f"team_ids[{index}]") for index, id_ in enumerate(message.team_ids)),
    )
    return Row(place, message.external_id, draft, instant(message.give_time, "give_time"))


def _imported(one: Imported) -> pb.ImportRecognitionsResponse:
    return pb.ImportRecognitionsResponse(
        request_id=one.request_id,
        first_row=one.first_row,
        imported_count=one.imported,
        already_imported_count=one.already_imported,
        errors=[pb.ImportRecognitionsResponse.RowError(row=row, error=to_status(error)) for row, error in one.errors],
        replayed=one.replayed,
    )
