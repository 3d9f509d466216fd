"""The operator's RPCs about partners on their way: tried, launched, suspended, changed, gone."""

from __future__ import annotations

from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import partners_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.names import parse
from partner_exchange.domain.lifecycle import Move
from partner_exchange.operations.lifecycle import Lifecycle
from partner_exchange.operations.partner_terms import PartnerTerms
from partner_exchange.servicer import reading, writing
from partner_exchange.servicer.reading import PARTNER, asking, mark

_NEWEST = 2**31 - 1
_CHANGEABLE = ("display_name", "agreed_price", "received_points_lifetime_days")


_MoveRequest = (
    pb.StartPartnerSandboxRequest | pb.LaunchPartnerRequest | admin.SuspendPartnerRequest | admin.ResumePartnerRequest
)


class PartnerRpcs:
    """What `guerdon.exchange.v1.CoalitionAdminService` does with partners on their way."""

    def __init__(self, lifecycle: Lifecycle, terms: PartnerTerms) -> None:
        self._lifecycle = lifecycle
        self._terms = terms

    async def start_partner_sandbox(
        self, request: pb.StartPartnerSandboxRequest, call: CallContext
    ) -> pb.StartPartnerSandboxResponse:
        """Lets a partner try."""
        return pb.StartPartnerSandboxResponse(partner=await self._moved(request, call, Move.START_SANDBOX))

    async def launch_partner(self, request: pb.LaunchPartnerRequest, call: CallContext) -> pb.LaunchPartnerResponse:
        """Lets a partner go live."""
        return pb.LaunchPartnerResponse(partner=await self._moved(request, call, Move.LAUNCH))

    async def suspend_partner(
        self, request: admin.SuspendPartnerRequest, call: CallContext
    ) -> admin.SuspendPartnerResponse:
        """Suspends a partner."""
        return admin.SuspendPartnerResponse(partner=await self._moved(request, call, Move.SUSPEND))

    async def resume_partner(
        self, request: admin.ResumePartnerRequest, call: CallContext
    ) -> admin.ResumePartnerResponse:
        """Resumes a partner."""
        return admin.ResumePartnerResponse(partner=await self._moved(request, call, Move.RESUME))

    async def begin_partner_leave(
        self, request: pb.BeginPartnerLeaveRequest, call: CallContext
    ) -> pb.BeginPartnerLeaveResponse:
        """Takes a partner's notice."""
        (partner_id,) = parse(request.name, PARTNER)
        asked = asking(call, request, request.name)
        now, replayed = await self._lifecycle.begin_leave(asked, partner_id, request.notice_days)
        mark(call, replayed)
        return pb.BeginPartnerLeaveResponse(partner=writing.partner(now))

    async def complete_partner_leave(
        self, request: pb.CompletePartnerLeaveRequest, call: CallContext
    ) -> pb.CompletePartnerLeaveResponse:
        """Lets a partner go."""
        (partner_id,) = parse(request.name, PARTNER)
        now, replayed = await self._lifecycle.complete_leave(asking(call, request, request.name), partner_id)
        mark(call, replayed)
        return pb.CompletePartnerLeaveResponse(partner=writing.partner(now))

    async def update_partner(self, request: pb.UpdatePartnerRequest, call: CallContext) -> pb.UpdatePartnerResponse:
        """Changes what is said of a partner."""
        (partner_id,) = parse(request.partner.name, PARTNER, "partner.name")
        paths = set(request.update_mask.paths)
        if not paths or not paths <= set(_CHANGEABLE):
            raise InvalidField.of("update_mask", f"must be some of {', '.join(_CHANGEABLE)}")
        now, replayed = await self._terms.update(
            asking(call, request, request.partner.name), partner_id, reading.changes(request.partner, paths)
        )
        mark(call, replayed)
        return pb.UpdatePartnerResponse(partner=writing.partner(now))

    async def list_agreed_prices(
        self, request: pb.ListAgreedPricesRequest, call: CallContext
    ) -> pb.ListAgreedPricesResponse:
        """Reads a partner's prices."""
        (partner_id,) = parse(request.parent, PARTNER, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        before = int(pages.read_token(request.page_token, query, (int,))[0]) if request.page_token else _NEWEST
        found = await self._terms.prices(partner_id, min(before, _NEWEST), size + 1)
        answer = pb.ListAgreedPricesResponse(
            agreed_prices=[
                pb.AgreedPrice(
                    price=rational(kept.price),
                    version=kept.version,
                    create_time=timestamp(kept.create_time),
                    actor=kept.actor,
                )
                for kept in found[:size]
            ]
        )
        if len(found) > size:
            answer.next_page_token = pages.write_token(query, (found[size - 1].version,))
        return answer

    async def _moved(self, request: _MoveRequest, call: CallContext, move: Move) -> res.Partner:
        (partner_id,) = parse(request.name, PARTNER)
        now, replayed = await self._lifecycle.move(asking(call, request, request.name), partner_id, move)
        mark(call, replayed)
        return writing.partner(now)
