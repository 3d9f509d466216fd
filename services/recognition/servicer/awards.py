"""Awards: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import awards_pb2 as pb
from guerdon.recognition.v1 import recognition_pb2
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.awards import Nomination
from recognition.domain.recognitions import Visibility
from recognition.operations.award_viewing import Asked, AwardList, AwardViewing
from recognition.operations.awarding import Awarding
from recognition.servicer.award_messages import AWARD_PROGRAM, write_award
from recognition.servicer.naming import ORGANISATION, acting, optional_person_id, person_id, tell_replay

_AWARD = "organisations/{organisation}/awards/{award}"
_VISIBILITIES = {
    recognition_pb2.VISIBILITY_PUBLIC: Visibility.PUBLIC,
    recognition_pb2.VISIBILITY_PRIVATE: Visibility.PRIVATE,
}
_LISTS = {
    pb.AWARD_LIST_UNSPECIFIED: AwardList.GIVEN,
    pb.AWARD_LIST_GIVEN: AwardList.GIVEN,
    pb.AWARD_LIST_TO_DECIDE: AwardList.TO_DECIDE,
    pb.AWARD_LIST_NOMINATED: AwardList.NOMINATED,
    pb.AWARD_LIST_ALL: AwardList.ALL,
}


class AwardServicer:
    """`guerdon.recognition.v1.AwardService`."""

    service = pb.DESCRIPTOR.services_by_name["AwardService"]

    def __init__(self, awarding: Awarding, viewing: AwardViewing) -> None:
        self._awarding = awarding
        self._viewing = viewing

    async def create_award(self, request: pb.CreateAwardRequest, call: CallContext) -> pb.CreateAwardResponse:
        """Nominates."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        nomination = read_nomination(request.award, organisation)
        fingerprint = Fingerprint.of(call, request, request.parent)
        award, replayed = await self._awarding.nominate(fingerprint, nomination, acting(call.caller))
        tell_replay(call, replayed)
        return pb.CreateAwardResponse(award=write_award(award))

    async def approve_award(self, request: pb.ApproveAwardRequest, call: CallContext) -> pb.ApproveAwardResponse:
        """Approves."""
        organisation, award = parse(request.name, _AWARD)
        person = optional_person_id(request.person, organisation, "person") or ""
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        found, replayed = await self._awarding.approve(
            fingerprint, organisation, award, person, request.comment, acting(call.caller)
        )
        tell_replay(call, replayed)
        return pb.ApproveAwardResponse(award=write_award(found))

    async def reject_award(self, request: pb.RejectAwardRequest, call: CallContext) -> pb.RejectAwardResponse:
        """Rejects."""
        organisation, award = parse(request.name, _AWARD)
        person = optional_person_id(request.person, organisation, "person") or ""
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        found, replayed = await self._awarding.reject(
            fingerprint, organisation, award, person, request.comment, acting(call.caller)
        )
        tell_replay(call, replayed)
        return pb.RejectAwardResponse(award=write_award(found))

    async def withdraw_award(self, request: pb.WithdrawAwardRequest, call: CallContext) -> pb.WithdrawAwardResponse:
        """Takes a nomination back."""
        organisation, award = parse(request.name, _AWARD)
        person = optional_person_id(request.person, organisation, "person") or ""
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        found, replayed = await self._awarding.withdraw(fingerprint, organisation, award, person, acting(call.caller))
        tell_replay(call, replayed)
        return pb.WithdrawAwardResponse(award=write_award(found))

    async def get_award(self, request: pb.GetAwardRequest, call: CallContext) -> pb.GetAwardResponse:
        """Reads an award."""
        organisation, award = parse(request.name, _AWARD)
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found = await self._viewing.get(organisation, award, viewer, acting(call.caller))
        return pb.GetAwardResponse(award=write_award(found))

    async def list_awards(self, request: pb.ListAwardsRequest, call: CallContext) -> pb.ListAwardsResponse:
        """Lists awards."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        which = _LISTS.get(request.list)
        if which is None:
            raise InvalidField.of("list", "must be GIVEN, TO_DECIDE, NOMINATED or ALL")
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        asked = Asked(organisation, which, viewer, request.page_size, request.page_token)
        found, next_token = await self._viewing.list_awards(asked, acting(call.caller))
        return pb.ListAwardsResponse(awards=map(write_award, found), next_page_token=next_token)


def read_nomination(message: pb.Award, organisation: str) -> Nomination:
    """An award to ask for; the nominator is empty where none is named."""
    owner, program = parse(message.award_program, AWARD_PROGRAM, "award.award_program")
    if owner != organisation:
        raise InvalidField.of("award.award_program", f"must be a program of organisations/{organisation}")
    visibility = _VISIBILITIES.get(message.visibility)
    if visibility is None:
        raise InvalidField.of("award.visibility", "must be PUBLIC or PRIVATE")
    return Nomination(
        organisation=organisation,
        program=program,
        nominator=optional_person_id(message.nominator, organisation, "award.nominator") or "",
        nominee=person_id(message.nominee, organisation, "award.nominee"),
        amount=message.amount,
        reason=message.reason,
        visibility=visibility,
    )
