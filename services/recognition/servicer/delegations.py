"""Delegations: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import approvals_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.delegations import WantedDelegations
from recognition.operations.delegating import Asked, Delegating
from recognition.servicer.approvals import write_delegation
from recognition.servicer.naming import ORGANISATION, acting, optional_person_id, person_id, tell_replay

_DELEGATION = "organisations/{organisation}/delegations/{delegation}"


class DelegationServicer:
    """`guerdon.recognition.v1.DelegationService`."""

    service = pb.DESCRIPTOR.services_by_name["DelegationService"]

    def __init__(self, delegating: Delegating) -> None:
        self._delegating = delegating

    async def create_delegation(
        self, request: pb.CreateDelegationRequest, call: CallContext
    ) -> pb.CreateDelegationResponse:
        """Names a delegate."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        message = request.delegation
        starts = message.HasField("start_time")
        made, replayed = await self._delegating.create(
            Fingerprint.of(call, request, request.parent),
            organisation,
            optional_person_id(message.approver, organisation, "delegation.approver") or "",
            person_id(message.delegate, organisation, "delegation.delegate"),
            instant(message.start_time, "delegation.start_time") if starts else None,
            instant(message.end_time, "delegation.end_time"),
            acting(call.caller),
        )
        tell_replay(call, replayed)
        return pb.CreateDelegationResponse(delegation=write_delegation(made))

    async def end_delegation(self, request: pb.EndDelegationRequest, call: CallContext) -> pb.EndDelegationResponse:
        """Ends a delegation."""
        organisation, delegation = parse(request.name, _DELEGATION)
        approver = optional_person_id(request.approver, organisation, "approver") or ""
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        ended, replayed = await self._delegating.end(
            fingerprint, organisation, delegation, approver, acting(call.caller)
        )
        tell_replay(call, replayed)
        return pb.EndDelegationResponse(delegation=write_delegation(ended))

    async def list_delegations(
        self, request: pb.ListDelegationsRequest, call: CallContext
    ) -> pb.ListDelegationsResponse:
        """Lists delegations."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        wanted = WantedDelegations(
            approver=optional_person_id(request.approver, organisation, "approver"),
            delegate=optional_person_id(request.delegate, organisation, "delegate"),
        )
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        asked = Asked(viewer, request.include_ended, request.page_size, request.page_token)
        found, next_token = await self._delegating.list_seen(organisation, wanted, asked, acting(call.caller))
        return pb.ListDelegationsResponse(delegations=map(write_delegation, found), next_page_token=next_token)
