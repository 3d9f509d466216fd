"""Recognitions: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import recognition_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.changes import ChangeKey
from recognition.domain.people import person_name
from recognition.domain.recognitions import RECEIVERS_MAX, Draft, Recognition, Visibility
from recognition.operations.fairness import Fairness
from recognition.operations.giving import Giving
from recognition.operations.viewing import Viewing
from recognition.servicer.fairness import write_finding
from recognition.servicer.naming import ORGANISATION, acting, optional_person_id, person_id, tell_replay

_RECOGNITION = "organisations/{organisation}/recognitions/{recognition}"

VISIBILITIES = {
    pb.VISIBILITY_PUBLIC: Visibility.PUBLIC,
    pb.VISIBILITY_PRIVATE: Visibility.PRIVATE,
}
_VISIBILITY_NUMBERS = {visibility: number for number, visibility in VISIBILITIES.items()}


class RecognitionServicer:
    """`guerdon.recognition.v1.RecognitionService`."""

    service = pb.DESCRIPTOR.services_by_name["RecognitionService"]

    def __init__(self, giving: Giving, viewing: Viewing, fairness: Fairness) -> None:
        self._giving = giving
        self._viewing = viewing
        self._fairness = fairness

    async def create_recognition(
        self, request: pb.CreateRecognitionRequest, call: CallContext
    ) -> pb.CreateRecognitionResponse:
        """Gives."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        draft = read_draft(request.recognition, organisation)
        fingerprint = Fingerprint.of(call, request, request.parent)
        given, replayed = await self._giving.create(fingerprint, draft, acting(call.caller))
        tell_replay(call, replayed)
        return pb.CreateRecognitionResponse(
            recognition=write_recognition(given),
            warnings=[
                write_finding(organisation, finding)
                for finding in await self._fairness.findings(ChangeKey(organisation, given.id))
            ],
        )

    async def get_recognition(self, request: pb.GetRecognitionRequest, call: CallContext) -> pb.GetRecognitionResponse:
        """Reads a recognition."""
        organisation, recognition = parse(request.name, _RECOGNITION)
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found = await self._viewing.get(organisation, recognition, viewer, acting(call.caller))
        return pb.GetRecognitionResponse(recognition=write_recognition(found))

    async def list_recognitions(
        self, request: pb.ListRecognitionsRequest, call: CallContext
    ) -> pb.ListRecognitionsResponse:
        """The feed."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        found, next_token = await self._viewing.list_feed(
            organisation,
            value=request.value or None,
            person=optional_person_id(request.person, organisation, "person"),
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            acting=acting(call.caller),
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListRecognitionsResponse(recognitions=map(write_recognition, found), next_page_token=next_token)


def read_draft(message: pb.Recognition, organisation: str) -> Draft:
    """A recognition to give; the giver is empty where none is named."""
    if len(message.receivers) > RECEIVERS_MAX:
        raise InvalidField.of("recognition.receivers", "must be 1 to 100")
    visibility = VISIBILITIES.get(message.visibility)
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
        transactions=recognition.transactions,
    )
