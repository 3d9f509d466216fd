"""Allowances: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import allowances_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.allowances import Allowance
from recognition.domain.people import person_name
from recognition.operations.granting import Granting
from recognition.servicer.naming import ORGANISATION, acting, tell_replay

_ALLOWANCE = "organisations/{organisation}/people/{person}/allowance"


class AllowanceServicer:
    """`guerdon.recognition.v1.AllowanceService`."""

    service = pb.DESCRIPTOR.services_by_name["AllowanceService"]

    def __init__(self, granting: Granting) -> None:
        self._granting = granting

    async def grant_allowances(
        self, request: pb.GrantAllowancesRequest, call: CallContext
    ) -> pb.GrantAllowancesResponse:
        """Grants the current month."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        fingerprint = Fingerprint.of(call, request, request.parent)
        granted, replayed = await self._granting.grant(fingerprint, organisation, request.period)
        tell_replay(call, replayed)
        return pb.GrantAllowancesResponse(
            period=granted.period,
            granted_count=granted.granted,
            existing_count=granted.existing,
            expire_time=timestamp(granted.expire_time),
        )

    async def get_allowance(self, request: pb.GetAllowanceRequest, call: CallContext) -> pb.GetAllowanceResponse:
        """Reads what a person has left to give."""
        organisation, person = parse(request.name, _ALLOWANCE)
        allowance = await self._granting.allowance(organisation, person, acting(call.caller))
        return pb.GetAllowanceResponse(allowance=write_allowance(allowance))


def write_allowance(allowance: Allowance) -> pb.Allowance:
    """The contract's allowance."""
    return pb.Allowance(
        name=f"{person_name(allowance.organisation, allowance.person)}/allowance",
        period=allowance.period,
        granted_amount=allowance.granted_amount,
        available_amount=allowance.available_amount,
        expire_time=timestamp(allowance.expire_time),
    )
