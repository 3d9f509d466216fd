"""`PartnerLedgerService` on top of the partner's own books: proto in, one step, proto out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc

from examples.partner.books import NEVER, Books, Leg, OtherWords
from examples.partner.tokens import NotAllowed, Tokens
from guerdon.exchange.v1 import partner_ledger_service_pb2 as pb
from guerdon.exchange.v1.partner_ledger_service_pb2_grpc import PartnerLedgerServiceServicer

READ, WRITE = "partner.ledger.read", "partner.ledger.write"


class PartnerLedger(PartnerLedgerServiceServicer):
    """What partner exchange calls."""

    def __init__(self, books: Books, tokens: Tokens | None) -> None:
        """Without `tokens` everybody may call: for trying things out on this machine."""
        self.books = books
        self._tokens = tokens

    def ValidateMember(  # noqa: N802 - the contract's name
        self, request: pb.ValidateMemberRequest, context: grpc.ServicerContext
    ) -> pb.ValidateMemberResponse:
        """Every member that there is can receive."""
        self._allow(context, READ)
        available = self.books.available(request.member_id)
        if available is None:
            return pb.ValidateMemberResponse(refused=pb.Refused(reason="MEMBER_NOT_FOUND"))
        return pb.ValidateMemberResponse(found=pb.MemberFound(available_amount=available))

    def Reserve(self, request: pb.ReserveRequest, context: grpc.ServicerContext) -> pb.ReserveResponse:  # noqa: N802
        """Sets points aside."""
        self._allow(context, WRITE, positive=request.amount)
        try:
            leg = self.books.reserve(request.exchange_id, request.member_id, request.amount)
        except OtherWords:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the exchange was reserved with another member or amount")
        if leg.state == "REFUSED":
            return pb.ReserveResponse(refused=pb.Refused(reason=leg.reason))
        return pb.ReserveResponse(
            reserved=pb.Reserved(amount=leg.amount, points=_points(leg), reference=f"r-{request.exchange_id}"[:63])
        )

    def Commit(self, request: pb.CommitRequest, context: grpc.ServicerContext) -> pb.CommitResponse:  # noqa: N802
        """Takes what was reserved."""
        self._allow(context, WRITE)
        leg = self.books.commit(request.exchange_id)
        if leg is None:
            return pb.CommitResponse(refused=pb.Refused(reason="NOT_RESERVED"))
        return pb.CommitResponse(committed=pb.Committed(amount=leg.amount, reference=f"c-{request.exchange_id}"[:63]))

    def Cancel(self, request: pb.CancelRequest, context: grpc.ServicerContext) -> pb.CancelResponse:  # noqa: N802
        """Gives back what was reserved."""
        self._allow(context, WRITE)
        if not self.books.cancel(request.exchange_id):
            return pb.CancelResponse(refused=pb.Refused(reason="ALREADY_COMMITTED"))
        return pb.CancelResponse(cancelled=pb.Cancelled())

    def Credit(self, request: pb.CreditRequest, context: grpc.ServicerContext) -> pb.CreditResponse:  # noqa: N802
        """Gives a member points."""
        self._allow(context, WRITE, positive=request.amount)
        points = tuple((_seconds(some), some.amount) for some in request.points)
        if sum(amount for _, amount in points) != request.amount:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the points do not sum to the amount")
        try:
            leg = self.books.credit(request.exchange_id, request.member_id, request.amount, points)
        except OtherWords:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the exchange was credited with another member or amount")
        if leg.state == "REFUSED":
            return pb.CreditResponse(refused=pb.Refused(reason=leg.reason))
        return pb.CreditResponse(credited=pb.Credited(amount=leg.amount, reference=f"c-{request.exchange_id}"[:63]))

    def GetLeg(self, request: pb.GetLegRequest, context: grpc.ServicerContext) -> pb.GetLegResponse:  # noqa: N802
        """Says what became of an exchange."""
        self._allow(context, READ)
        leg = self.books.leg(request.exchange_id)
        if leg is None:
            return pb.GetLegResponse(state=pb.LEG_STATE_NOT_FOUND)
        return pb.GetLegResponse(state=pb.LegState.Value(f"LEG_STATE_{leg.state}"), amount=leg.amount)

    def _allow(self, context: grpc.ServicerContext, scope: str, positive: int = 1) -> None:
        if self._tokens is not None:
            try:
                self._tokens.check(_bearer(context.invocation_metadata()), scope)
            except NotAllowed:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "not partner exchange")
        if positive < 1:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the amount must be at least 1")


def _bearer(metadata: Iterable[tuple[str, Any]]) -> str:
    return str(dict(metadata).get("authorization", "")).removeprefix("Bearer ")


def _points(leg: Leg) -> list[pb.PartnerPoints]:
    made = []
    for expire_time, amount in leg.points:
        some = pb.PartnerPoints(amount=amount)
        if expire_time != NEVER:
            some.expire_time.seconds = expire_time
        made.append(some)
    return made


def _seconds(points: pb.PartnerPoints) -> int:
    return points.expire_time.seconds if points.HasField("expire_time") else NEVER
