"""Leavers: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import leavers_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant, rational, set_timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.leavers import Leaver, LeaverMode, LeaverTerms, Settlement
from recognition.operations.leavers import Leavers
from recognition.servicer.naming import ORGANISATION, acting, optional_person_id, tell_replay

_POLICY = "organisations/{organisation}/leaverPolicy"
_MODES = {pb.LEAVER_MODE_KEEP: LeaverMode.KEEP, pb.LEAVER_MODE_PAY_OUT: LeaverMode.PAY_OUT}
_MODE_NUMBERS = {mode: number for number, mode in _MODES.items()}


class LeaverServicer:
    """`guerdon.recognition.v1.LeaverService`."""

    service = pb.DESCRIPTOR.services_by_name["LeaverService"]

    def __init__(self, leavers: Leavers) -> None:
        self._leavers = leavers

    async def set_leaver_policy(
        self, request: pb.SetLeaverPolicyRequest, call: CallContext
    ) -> pb.SetLeaverPolicyResponse:
        """Says what becomes of what leavers have earned."""
        (organisation,) = parse(request.leaver_policy.name, _POLICY, "leaver_policy.name")
        terms = read_terms(request.leaver_policy)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        made, replayed = await self._leavers.set_policy(fingerprint, organisation, terms, acting(call.caller))
        tell_replay(call, replayed)
        return pb.SetLeaverPolicyResponse(leaver_policy=write_policy(organisation, made))

    async def get_leaver_policy(
        self, request: pb.GetLeaverPolicyRequest, _call: CallContext
    ) -> pb.GetLeaverPolicyResponse:
        """Reads what becomes of it."""
        (organisation,) = parse(request.name, _POLICY)
        found = await self._leavers.policy(organisation)
        return pb.GetLeaverPolicyResponse(leaver_policy=write_policy(organisation, found))

    async def list_leavers(self, request: pb.ListLeaversRequest, call: CallContext) -> pb.ListLeaversResponse:
        """Lists who left."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        since = None
        if request.HasField("settled_since_time"):
            since = instant(request.settled_since_time, "settled_since_time")
        found, next_token = await self._leavers.list_page(
            organisation,
            optional_person_id(request.person, organisation, "person"),
            since,
            request.page_size,
            request.page_token,
            acting(call.caller),
        )
        return pb.ListLeaversResponse(leavers=map(write_leaver, found), next_page_token=next_token)


def read_terms(message: pb.LeaverPolicy) -> LeaverTerms:
    """What is to hold."""
    mode = _MODES.get(message.mode)
    if mode is None:
        raise InvalidField.of("leaver_policy.mode", "must be KEEP or PAY_OUT")
    return LeaverTerms(mode, message.days if message.HasField("days") else None)


def write_policy(organisation: str, terms: LeaverTerms) -> pb.LeaverPolicy:
    """The contract's policy."""
    return pb.LeaverPolicy(
        name=f"organisations/{organisation}/leaverPolicy", mode=_MODE_NUMBERS[terms.mode], days=terms.days
    )


def write_leaver(leaver: Leaver) -> pb.Leaver:
    """The contract's leaver."""
    leaving = leaver.leaving
    message = pb.Leaver(
        person=leaving.name,
        display_name=leaving.display_name,
        mode=_MODE_NUMBERS[leaving.terms.mode],
        available_amount=leaver.available,
        settlements=map(write_settlement, leaver.settlements),
    )
    set_timestamp(message.leave_time, leaving.leave_time)
    if leaving.return_time is not None:
        set_timestamp(message.return_time, leaving.return_time)
    if leaving.keep_end_time is not None:
        set_timestamp(message.keep_end_time, leaving.keep_end_time)
    return message


def write_settlement(settlement: Settlement) -> pb.LeaverSettlement:
    """The contract's settlement."""
    assert settlement.settle_time is not None, "only what is settled is listed"
    message = pb.LeaverSettlement(
        mode=_MODE_NUMBERS[settlement.mode],
        amount=settlement.amount,
        transaction=settlement.transaction,
        country=settlement.country,
        minor_units=settlement.minor_units,
    )
    set_timestamp(message.settle_time, settlement.settle_time)
    if settlement.worth is not None:
        message.minor_units_per_point.CopyFrom(rational(settlement.worth.minor_units))
        message.currency_code = settlement.worth.currency_code
    return message
