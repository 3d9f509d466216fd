"""Add-ons: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import add_ons_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.add_ons import AddOn
from recognition.domain.changes import ChangeKey
from recognition.domain.people import person_name
from recognition.domain.recognitions import RECEIVERS_MAX
from recognition.operations.adding import Adding
from recognition.operations.fairness import Fairness
from recognition.servicer.fairness import write_finding
from recognition.servicer.naming import RECOGNITION, acting, optional_person_id, person_id, tell_replay
from recognition.servicer.reviews import review_of


class AddOnServicer:
    """`guerdon.recognition.v1.AddOnService`."""

    service = pb.DESCRIPTOR.services_by_name["AddOnService"]

    def __init__(self, adding: Adding, fairness: Fairness) -> None:
        self._adding = adding
        self._fairness = fairness

    async def create_add_on(self, request: pb.CreateAddOnRequest, call: CallContext) -> pb.CreateAddOnResponse:
        """Adds points onto a recognition."""
        organisation, recognition = parse(request.parent, RECOGNITION, "parent")
        add_on = _read_add_on(request.add_on, organisation)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        added, replayed = await self._adding.add(fingerprint, organisation, recognition, add_on, acting(call.caller))
        tell_replay(call, replayed)
        key = ChangeKey(organisation, added.id)
        findings = await self._fairness.findings(key)
        return pb.CreateAddOnResponse(
            add_on=_write_add_on(organisation, recognition, added),
            findings=[write_finding(organisation, finding) for finding in findings],
            review=review_of(key, findings),
        )

    async def list_add_ons(self, request: pb.ListAddOnsRequest, call: CallContext) -> pb.ListAddOnsResponse:
        """Lists what was added onto a recognition."""
        organisation, recognition = parse(request.parent, RECOGNITION, "parent")
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found = await self._adding.list_all(organisation, recognition, viewer, acting(call.caller))
        return pb.ListAddOnsResponse(add_ons=[_write_add_on(organisation, recognition, one) for one in found])


def _read_add_on(message: pb.AddOn, organisation: str) -> AddOn:
    if len(message.receivers) > RECEIVERS_MAX:
        raise InvalidField.of("add_on.receivers", "must be at most 100")
    return AddOn(
        giver=optional_person_id(message.giver, organisation, "add_on.giver") or "",
        receivers=tuple(
            person_id(name, organisation, f"add_on.receivers[{index}]") for index, name in enumerate(message.receivers)
        ),
        amount=message.amount,
    )


def _write_add_on(organisation: str, recognition: str, add_on: AddOn) -> pb.AddOn:
    assert add_on.create_time is not None, "what is stored has a time"
    return pb.AddOn(
        name=f"organisations/{organisation}/recognitions/{recognition}/addOns/{add_on.id}",
        giver=person_name(organisation, add_on.giver),
        receivers=[person_name(organisation, receiver) for receiver in add_on.receivers],
        amount=add_on.amount,
        create_time=timestamp(add_on.create_time),
    )
