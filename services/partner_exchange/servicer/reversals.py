"""Reversals."""

from __future__ import annotations

from guerdon.exchange.v1 import reversals_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from partner_exchange.domain.exchanges import State
from partner_exchange.operations.reversals import Reversals, View, Wanted
from partner_exchange.servicer import writing
from partner_exchange.servicer.reading import EXCHANGE, asking, mark

_STATES: dict[State, pb.ReversalState.ValueType] = {
    state: pb.ReversalState.Value(f"REVERSAL_STATE_{state.name}") for state in State if state is not State.RECEIVED
}


class ReversalServicer:
    """`guerdon.exchange.v1.ReversalService`."""

    service = pb.DESCRIPTOR.services_by_name["ReversalService"]

    def __init__(self, reversals: Reversals) -> None:
        self._reversals = reversals

    async def reverse_exchange(
        self, request: pb.ReverseExchangeRequest, call: CallContext
    ) -> pb.ReverseExchangeResponse:
        """Takes an exchange back."""
        sender, exchange_id = parse(request.name, EXCHANGE)
        wanted = Wanted(exchange_id, request.amount, request.reason)
        view, replayed = await self._reversals.reverse(asking(call, request, f"partners/{sender}"), sender, wanted)
        mark(call, replayed)
        return pb.ReverseExchangeResponse(reversal=message(view))

    async def list_reversals(self, request: pb.ListReversalsRequest, _call: CallContext) -> pb.ListReversalsResponse:
        """Reads the reversals of an exchange."""
        reader, exchange_id = parse(request.parent, EXCHANGE, "parent")
        found = await self._reversals.of_exchange(reader, exchange_id)
        return pb.ListReversalsResponse(reversals=[message(view) for view in found])


def message(view: View) -> pb.Reversal:
    """A reversal, as one of the partners reads it."""
    kept = view.reversal
    answer = pb.Reversal(
        name=f"partners/{view.reader}/exchanges/{kept.exchange_id}/reversals/{kept.reversal_id}",
        returned_amount=kept.returned,
        taken_back_amount=kept.taken_back,
        state=_STATES[kept.state],
        abort_reason=kept.refusal.reason if kept.refusal else "",
        reason=kept.reason,
        outcome_unknown=kept.unanswered > 0,
        needs_operator=kept.needs_operator,
        create_time=timestamp(kept.create_time),
    )
    if kept.commitment is not None:
        answer.owed.CopyFrom(writing.owed(kept.taken_back * view.exchange.agreed_price, view.coalition.currency))
        answer.commit_time.CopyFrom(timestamp(kept.commitment.commit_time))
    return answer
