"""The operator's contract for exchanges whose partner does not answer."""

from __future__ import annotations

from guerdon.exchange.v1 import resolutions_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from partner_exchange.domain.resolutions import Outcome, Resolution
from partner_exchange.operations.resolutions import Resolutions, Subject
from partner_exchange.operations.reversals import Reversals
from partner_exchange.servicer import reading, reversals, writing
from partner_exchange.servicer.reading import COALITION, EXCHANGE, asking, mark

_RESOLUTION = f"{EXCHANGE}/resolutions/{{resolution}}"
_REVERSAL = f"{EXCHANGE}/reversals/{{reversal}}"
_OUTCOMES = {pb.RESOLUTION_OUTCOME_DONE: Outcome.DONE, pb.RESOLUTION_OUTCOME_REFUSED: Outcome.REFUSED}


class ResolutionServicer:
    """`guerdon.exchange.v1.ResolutionService`."""

    service = pb.DESCRIPTOR.services_by_name["ResolutionService"]

    def __init__(self, resolutions: Resolutions, reversals: Reversals) -> None:
        self._resolutions = resolutions
        self._reversals = reversals

    async def list_unanswered_exchanges(
        self, request: pb.ListUnansweredExchangesRequest, call: CallContext
    ) -> pb.ListUnansweredExchangesResponse:
        """Reads exchanges before the operator."""
        (coalition_id,) = parse(request.parent, COALITION, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        after = pages.read_place(request.page_token, query, pages.BEGINNING)
        found = await self._resolutions.unanswered(coalition_id, after, size + 1)
        answer = pb.ListUnansweredExchangesResponse(exchanges=[writing.exchange(view) for view in found[:size]])
        if len(found) > size:
            last = found[size - 1].standing.exchange
            answer.next_page_token = pages.write_place(query, last.create_time, last.exchange_id)
        return answer

    async def list_unanswered_reversals(
        self, request: pb.ListUnansweredReversalsRequest, call: CallContext
    ) -> pb.ListUnansweredReversalsResponse:
        """Reads reversals before the operator."""
        (coalition_id,) = parse(request.parent, COALITION, "parent")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent)
        after = pages.read_place(request.page_token, query, pages.BEGINNING)
        found = await self._reversals.unanswered(coalition_id, after, size + 1)
        answer = pb.ListUnansweredReversalsResponse(reversals=[reversals.message(view) for view in found[:size]])
        if len(found) > size:
            last = found[size - 1].reversal
            answer.next_page_token = pages.write_place(query, last.create_time, last.reversal_id)
        return answer

    async def propose_resolution(
        self, request: pb.ProposeResolutionRequest, call: CallContext
    ) -> pb.ProposeResolutionResponse:
        """Proposes a resolution."""
        template = _REVERSAL if "/reversals/" in request.parent else EXCHANGE
        subject = Subject(*parse(request.parent, template, "parent"))
        outcome = _OUTCOMES.get(request.resolution.outcome)
        if outcome is None:
            raise InvalidField.of("resolution.outcome", "must be DONE or REFUSED")
        asked = asking(call, request, f"partners/{subject.sender}")
        made, replayed = await self._resolutions.propose(
            asked, reading.person(call), subject, outcome, request.resolution.reason
        )
        mark(call, replayed)
        return pb.ProposeResolutionResponse(resolution=_message(made))

    async def approve_resolution(
        self, request: pb.ApproveResolutionRequest, call: CallContext
    ) -> pb.ApproveResolutionResponse:
        """Approves a resolution."""
        sender, exchange_id, number = parse(request.name, _RESOLUTION)
        asked = asking(call, request, f"partners/{sender}")
        made, replayed = await self._resolutions.approve(
            asked, reading.person(call), sender, exchange_id, reading.version(number, "name")
        )
        mark(call, replayed)
        return pb.ApproveResolutionResponse(resolution=_message(made))


def _message(kept: Resolution) -> pb.Resolution:
    message = pb.Resolution(
        name=kept.name,
        reversal=Subject(kept.sender, kept.exchange_id, kept.reversal_id).name if kept.reversal_id else "",
        state=res.ExchangeState.Value(f"EXCHANGE_STATE_{kept.state.name}"),
        outcome=pb.ResolutionOutcome.Value(f"RESOLUTION_OUTCOME_{kept.outcome.name}"),
        reason=kept.reason,
        proposer=kept.proposer.actor,
        propose_time=timestamp(kept.propose_time),
    )
    if kept.approver is not None and kept.approve_time is not None:
        message.approver = kept.approver.actor
        message.approve_time.CopyFrom(timestamp(kept.approve_time))
    return message
