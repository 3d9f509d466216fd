"""Limits and corridors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

from google.protobuf.duration_pb2 import Duration

from guerdon.exchange.v1 import limits_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.names import parse
from partner_exchange.domain.limits import NO_CAP, Cap, Limits, Pause, Period, Scope, Velocity, Version
from partner_exchange.operations.limits import PartnerLimits
from partner_exchange.servicer import reading, writing
from partner_exchange.servicer.reading import PARTNER, asking, mark

_LAST_VERSION = 2**31 - 1

Caps = dict[tuple[Scope, str, Period], Cap]


class LimitServicer:
    """`guerdon.exchange.v1.LimitService`."""

    service = pb.DESCRIPTOR.services_by_name["LimitService"]

    def __init__(self, limits: PartnerLimits) -> None:
        self._limits = limits

    async def set_partner_limits(
        self, request: pb.SetPartnerLimitsRequest, call: CallContext
    ) -> pb.SetPartnerLimitsResponse:
        """Sets limits."""
        (partner_id,) = parse(request.limits.partner, PARTNER, "limits.partner")
        receivers = [pair.receiver_id for pair in request.limits.pairs]
        version, replayed = await self._limits.set(
            asking(call, request, request.limits.partner),
            partner_id,
            _limits(request.limits),
            receivers,
            request.reason,
        )
        mark(call, replayed)
        return pb.SetPartnerLimitsResponse(limits=_message(partner_id, version))

    async def get_partner_limits(
        self, request: pb.GetPartnerLimitsRequest, _call: CallContext
    ) -> pb.GetPartnerLimitsResponse:
        """Reads limits in force."""
        (partner_id,) = parse(request.partner, PARTNER, "partner")
        standing = await self._limits.get(partner_id)
        return pb.GetPartnerLimitsResponse(
            limits=_message(partner_id, standing.version),
            net_debit=writing.owed(standing.net_debit, standing.coalition.currency),
        )

    async def list_partner_limits(
        self, request: pb.ListPartnerLimitsRequest, call: CallContext
    ) -> pb.ListPartnerLimitsResponse:
        """Reads all versions."""
        (partner_id,) = parse(request.parent, PARTNER, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        before = _LAST_VERSION
        if request.page_token:
            before = int(pages.read_token(request.page_token, query, (int,))[0])
        found = await self._limits.newest(partner_id, before, size + 1)
        answer = pb.ListPartnerLimitsResponse(limits=[_message(partner_id, version) for version in found[:size]])
        if len(found) > size:
            answer.next_page_token = pages.write_token(query, (found[size - 1].number,))
        return answer

    async def pause_corridor(self, request: pb.PauseCorridorRequest, call: CallContext) -> pb.PauseCorridorResponse:
        """Pauses a corridor."""
        sender, receiver = _corridor(request)
        pause, replayed = await self._limits.pause(
            asking(call, request, request.sender), sender, receiver, request.reason
        )
        mark(call, replayed)
        return pb.PauseCorridorResponse(pause=pause_message(pause))

    async def resume_corridor(self, request: pb.ResumeCorridorRequest, call: CallContext) -> pb.ResumeCorridorResponse:
        """Resumes a corridor."""
        sender, receiver = _corridor(request)
        mark(call, await self._limits.resume(asking(call, request, request.sender), sender, receiver))
        return pb.ResumeCorridorResponse()


def pause_message(pause: Pause) -> pb.CorridorPause:
    """A pause in force."""
    return pb.CorridorPause(reason=pause.reason, pause_time=timestamp(pause.pause_time))


def _corridor(request: pb.PauseCorridorRequest | pb.ResumeCorridorRequest) -> tuple[str, str]:
    (sender,) = parse(request.sender, PARTNER, "sender")
    (receiver,) = parse(request.receiver, PARTNER, "receiver")
    return sender, receiver


def _limits(message: pb.PartnerLimits) -> Limits:
    """Limits to set. Their bounds are the domain's to check."""
    caps: Caps = {}
    caps.update(_caps(Scope.MEMBER, "", message.member))
    for pair in message.pairs:
        caps.update(_caps(Scope.PAIR, pair.receiver_id, pair.caps))
    caps.update(_caps(Scope.PARTNER, "", message.total))
    velocity = None
    if message.HasField("member_velocity"):
        within = message.member_velocity.within
        velocity = Velocity(
            message.member_velocity.exchanges, timedelta(seconds=within.seconds, microseconds=within.nanos // 1000)
        )
    ratio = Fraction(1)
    if message.HasField("cover_ratio"):
        ratio = reading.rational(message.cover_ratio, "limits.cover_ratio")
    return Limits(
        caps=caps,
        velocity=velocity,
        net_debit_cap=message.net_debit_cap if message.HasField("net_debit_cap") else None,
        collateral=message.collateral if message.HasField("collateral") else None,
        cover_ratio=ratio,
    )


def _caps(scope: Scope, receiver: str, message: pb.Caps) -> Iterator[tuple[tuple[Scope, str, Period], Cap]]:
    daily = Cap(message.daily_points or None, message.daily_exchanges or None)
    monthly = Cap(message.monthly_points or None, message.monthly_exchanges or None)
    for period, cap in ((Period.DAY, daily), (Period.MONTH, monthly)):
        if cap != NO_CAP:
            yield (scope, receiver, period), cap


def _message(partner_id: str, version: Version) -> pb.PartnerLimits:
    limits = version.limits
    receivers = sorted({receiver for scope, receiver, _ in limits.caps if scope is Scope.PAIR})
    message = pb.PartnerLimits(
        partner=f"partners/{partner_id}",
        pairs=[pb.PairCaps(receiver_id=one, caps=_caps_message(limits, Scope.PAIR, one)) for one in receivers],
        member=_caps_message(limits, Scope.MEMBER),
        total=_caps_message(limits, Scope.PARTNER),
        net_debit_cap=limits.net_debit_cap,
        collateral=limits.collateral,
        cover_ratio=rational(limits.cover_ratio),
        version=version.number,
        actor=version.actor,
        reason=version.reason,
        create_time=None if version.create_time is None else timestamp(version.create_time),
    )
    if limits.velocity is not None:
        within = Duration(seconds=limits.velocity.within // timedelta(seconds=1))
        message.member_velocity.CopyFrom(pb.Velocity(exchanges=limits.velocity.exchanges, within=within))
    return message


def _caps_message(limits: Limits, scope: Scope, receiver: str = "") -> pb.Caps | None:
    daily = limits.caps.get((scope, receiver, Period.DAY), NO_CAP)
    monthly = limits.caps.get((scope, receiver, Period.MONTH), NO_CAP)
    if daily == monthly == NO_CAP:
        return None
    return pb.Caps(
        daily_points=daily.points or 0,
        daily_exchanges=daily.exchanges or 0,
        monthly_points=monthly.points or 0,
        monthly_exchanges=monthly.exchanges or 0,
    )
