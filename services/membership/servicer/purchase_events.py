"""Membership's RPC about events of purchases."""

from __future__ import annotations

from guerdon.membership.v1 import purchase_event_pb2 as pb
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from membership.domain.ids import check_id
from membership.domain.program import Program
from membership.domain.waits import PurchaseEvent
from membership.operations.programs import Programs
from membership.operations.purchase_events import PurchaseEvents
from membership.operations.purchases import Purchases
from membership.servicer import writing
from membership.servicer.reading import PURCHASE, moment
from membership.servicer.writing import tell_replay

EVENT = "programs/{program}/purchaseEvents/{purchase_event}"


class PurchaseEventRpcs:
    """What `guerdon.membership.v1.MembershipService` is told of purchases."""

    def __init__(self, programs: Programs, events: PurchaseEvents, purchases: Purchases) -> None:
        self._programs = programs
        self._purchase_events = events
        self._purchases = purchases

    async def record_purchase_event(
        self, request: pb.RecordPurchaseEventRequest, call: CallContext
    ) -> pb.RecordPurchaseEventResponse:
        """Records an event of a purchase."""
        program_id, event = _read(request.purchase_event)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        record_time, already, replayed = await self._purchase_events.record(
            program, event, fingerprint, call.caller.actor, call.remaining_s()
        )
        tell_replay(call, replayed)
        answer = pb.RecordPurchaseEventResponse(purchase_event=request.purchase_event, already_recorded=already)
        answer.purchase_event.record_time.CopyFrom(timestamp(record_time))
        answer.purchase_event.event_time.CopyFrom(timestamp(event.event_time))
        await self._tell_purchase(program, event, answer)
        return answer

    async def _tell_purchase(
        self, program: Program, event: PurchaseEvent, answer: pb.RecordPurchaseEventResponse
    ) -> None:
        try:
            purchase = await self._purchases.get(program, event.purchase_id)
        except NotFound:
            return  # it has not arrived yet, or nobody has claimed it
        answer.purchase.CopyFrom(writing.purchase(program, purchase))


def _read(message: pb.PurchaseEvent) -> tuple[str, PurchaseEvent]:
    program_id, event_id = parse(message.name, EVENT, "purchase_event.name")
    check_id(event_id, "purchase_event.name")
    owner, purchase_id = parse(message.purchase, PURCHASE, "purchase_event.purchase")
    if owner != program_id:
        raise InvalidField.of("purchase_event.purchase", "must be a purchase of the event's program")
    event_time = moment(message.event_time, "purchase_event.event_time")
    return program_id, PurchaseEvent(event_id, purchase_id, message.event, event_time)
