"""Disputes."""

from __future__ import annotations

from guerdon.exchange.v1 import disputes_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import check_id, parse
from guerdon_kit.pages import BEGINNING, END, read_place, write_place
from partner_exchange.domain.disputes import Adjustment, Dispute, DisputeState, Outcome, Resolution, Reverse
from partner_exchange.operations.disputes import Disputes
from partner_exchange.servicer.reading import COALITION, EXCHANGE, PARTNER, asking, mark

_DISPUTE = "partners/{partner}/disputes/{dispute}"
_STATES = {
    DisputeState.OPEN: pb.DISPUTE_STATE_OPEN,
    DisputeState.ANSWERED: pb.DISPUTE_STATE_ANSWERED,
    DisputeState.RESOLVING: pb.DISPUTE_STATE_RESOLVING,
    DisputeState.RESOLVED: pb.DISPUTE_STATE_RESOLVED,
    DisputeState.WITHDRAWN: pb.DISPUTE_STATE_WITHDRAWN,
}
_OUTCOMES = {
    None: pb.DISPUTE_OUTCOME_UNSPECIFIED,
    Outcome.REJECTED: pb.DISPUTE_OUTCOME_REJECTED,
    Outcome.REVERSED: pb.DISPUTE_OUTCOME_REVERSED,
    Outcome.ADJUSTED: pb.DISPUTE_OUTCOME_ADJUSTED,
}


class DisputeServicer:
    """`guerdon.exchange.v1.DisputeService`."""

    service = pb.DESCRIPTOR.services_by_name["DisputeService"]

    def __init__(self, disputes: Disputes) -> None:
        self._disputes = disputes

    async def open_dispute(self, request: pb.OpenDisputeRequest, call: CallContext) -> pb.OpenDisputeResponse:
        """Opens a dispute."""
        opener, exchange_id = parse(request.exchange, EXCHANGE, "exchange")
        asked = asking(call, request, f"partners/{opener}")
        dispute, replayed = await self._disputes.open(asked, opener, exchange_id, request.claim)
        mark(call, replayed)
        return pb.OpenDisputeResponse(dispute=_message(dispute, opener))

    async def answer_dispute(self, request: pb.AnswerDisputeRequest, call: CallContext) -> pb.AnswerDisputeResponse:
        """Answers one."""
        partner_id, dispute_id = parse(request.name, _DISPUTE)
        asked = asking(call, request, f"partners/{partner_id}")
        dispute, replayed = await self._disputes.answer(asked, partner_id, dispute_id, request.answer)
        mark(call, replayed)
        return pb.AnswerDisputeResponse(dispute=_message(dispute, partner_id))

    async def withdraw_dispute(
        self, request: pb.WithdrawDisputeRequest, call: CallContext
    ) -> pb.WithdrawDisputeResponse:
        """Withdraws one."""
        partner_id, dispute_id = parse(request.name, _DISPUTE)
        asked = asking(call, request, f"partners/{partner_id}")
        dispute, replayed = await self._disputes.withdraw(asked, partner_id, dispute_id)
        mark(call, replayed)
        return pb.WithdrawDisputeResponse(dispute=_message(dispute, partner_id))

    async def get_dispute(self, request: pb.GetDisputeRequest, _call: CallContext) -> pb.GetDisputeResponse:
        """Reads one."""
        partner_id, dispute_id = parse(request.name, _DISPUTE)
        return pb.GetDisputeResponse(dispute=_message(await self._disputes.get(partner_id, dispute_id), partner_id))

    async def list_disputes(self, request: pb.ListDisputesRequest, call: CallContext) -> pb.ListDisputesResponse:
        """Reads a partner's, newest first."""
        (partner_id,) = parse(request.parent, PARTNER, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        found = await self._disputes.newest(partner_id, read_place(request.page_token, query, END), size + 1)
        answer = pb.ListDisputesResponse(disputes=[_message(dispute, partner_id) for dispute in found[:size]])
        if len(found) > size:
            answer.next_page_token = write_place(query, found[size - 1].create_time, found[size - 1].dispute_id)
        return answer

    async def resolve_dispute(self, request: pb.ResolveDisputeRequest, call: CallContext) -> pb.ResolveDisputeResponse:
        """Decides one."""
        partner_id, dispute_id = parse(request.name, _DISPUTE)
        asked = asking(call, request, f"partners/{partner_id}")
        dispute, replayed = await self._disputes.resolve(
            asked, partner_id, dispute_id, _resolution(request), request.ruling
        )
        mark(call, replayed)
        return pb.ResolveDisputeResponse(dispute=_message(dispute, partner_id))

    async def list_open_disputes(
        self, request: pb.ListOpenDisputesRequest, call: CallContext
    ) -> pb.ListOpenDisputesResponse:
        """Reads what waits in a coalition, oldest first."""
        (coalition_id,) = parse(request.parent, COALITION, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        place = read_place(request.page_token, query, BEGINNING)
        found = await self._disputes.waiting(coalition_id, place, size + 1)
        answer = pb.ListOpenDisputesResponse(disputes=[_message(dispute, dispute.opener) for dispute in found[:size]])
        if len(found) > size:
            answer.next_page_token = write_place(query, found[size - 1].create_time, found[size - 1].dispute_id)
        return answer


def _resolution(request: pb.ResolveDisputeRequest) -> Resolution:
    match request.WhichOneof("resolution"):
        case "reject":
            return None
        case "reverse":
            return Reverse(request.reverse.amount)
        case "adjust":
            payer = check_id(request.adjust.payer_id, "adjust.payer_id")
            return Adjustment(payer, request.adjust.minor_units)
        case _:
            raise InvalidField.of("resolution", "one of reject, reverse and adjust is required")


def _message(kept: Dispute, reader: str) -> pb.Dispute:
    """A dispute, as one of its partners reads it."""
    exchange = f"partners/{reader}/exchanges/{kept.exchange_id}"
    adjustment = None
    if kept.adjustment is not None:
        adjustment = pb.Adjustment(payer_id=kept.adjustment.payer, minor_units=kept.adjustment.minor_units)
    return pb.Dispute(
        name=f"partners/{reader}/disputes/{kept.dispute_id}",
        exchange=exchange,
        opener_id=kept.opener,
        respondent_id=kept.respondent,
        claim=kept.claim,
        answer=kept.answer,
        state=_STATES[kept.state],
        outcome=_OUTCOMES[kept.outcome],
        ruling=kept.ruling,
        reversal=f"{exchange}/reversals/{kept.reversal_id}" if kept.reversal_id else "",
        adjustment=adjustment,
        create_time=timestamp(kept.create_time),
        answer_deadline=timestamp(kept.answer_deadline),
        answer_time=None if kept.answer_time is None else timestamp(kept.answer_time),
        end_time=None if kept.end_time is None else timestamp(kept.end_time),
    )
