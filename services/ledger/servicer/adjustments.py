"""The RPCs about adjustments that take two people."""

from __future__ import annotations

from typing import cast

from guerdon.ledger.v1 import adjustments_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import tenant_of
from guerdon_kit.pages import page_size, read_token, write_token
from ledger.domain.adjustments import Adjustment, AdjustmentState
from ledger.domain.model import LONG_AGO, NEVER, Kind
from ledger.domain.permissions import require_resolvable
from ledger.domain.posting import PostingOrder
from ledger.operations.adjustments import Adjustments
from ledger.servicer import answers, orders
from ledger.store.directory import Directory

NEWEST = 2**63 - 1


class AdjustmentRpcs:
    """Proposing adjustments, approving and rejecting them."""

    _directory: Directory
    _adjustments: Adjustments
    _clock: Clock

    async def propose_adjustment(
        self, request: pb.ProposeAdjustmentRequest, call: CallContext
    ) -> pb.ProposeAdjustmentResponse:
        program = await self._directory.program(request.parent, "parent")
        await self._directory.prefetch(call.names)
        caller = call.caller
        try:
            order = orders.TransactionOrders(
                program, self._directory.known_account, caller.actor, caller.service, self._clock.now()
            ).order(request.transaction)
        except InvalidField as error:
            raise error.within("transaction") from error
        if order.kind is not Kind.ADJUSTMENT:
            raise InvalidField.of("transaction.kind", "must be ADJUSTMENT")
        fingerprint = Fingerprint.of(call, request, program.name)
        made, call.replayed = await self._adjustments.propose(fingerprint, order, caller.act or caller.name)
        return pb.ProposeAdjustmentResponse(adjustment=_adjustment(made))

    async def approve_adjustment(
        self, request: pb.ApproveAdjustmentRequest, call: CallContext
    ) -> pb.ApproveAdjustmentResponse:
        caller = call.caller
        require_resolvable(Kind.ADJUSTMENT, caller.service)
        fingerprint = Fingerprint.of(call, request, tenant_of(request.name))
        found, done = await self._adjustments.approve(
            request.name, caller.actor, caller.act or caller.name, fingerprint, call.deadline
        )
        call.replayed = done.replayed
        return pb.ApproveAdjustmentResponse(
            adjustment=_adjustment(found),
            record_time=timestamp(done.outcome.record_time),
            balances=[answers.balance(balance) for balance in done.outcome.balances],
        )

    async def reject_adjustment(
        self, request: pb.RejectAdjustmentRequest, call: CallContext
    ) -> pb.RejectAdjustmentResponse:
        caller = call.caller
        reason = orders.text(request.reason, "reason")
        fingerprint = Fingerprint.of(call, request, tenant_of(request.name))
        found, call.replayed = await self._adjustments.reject(
            request.name, caller.actor, caller.act or caller.name, reason, fingerprint
        )
        return pb.RejectAdjustmentResponse(adjustment=_adjustment(found))

    async def get_adjustment(self, request: pb.GetAdjustmentRequest, _call: CallContext) -> pb.GetAdjustmentResponse:
        return pb.GetAdjustmentResponse(adjustment=_adjustment(await self._adjustments.find(request.name)))

    async def list_adjustments(
        self, request: pb.ListAdjustmentsRequest, _call: CallContext
    ) -> pb.ListAdjustmentsResponse:
        program = await self._directory.program(request.parent, "parent")
        state = orders.one_of(AdjustmentState, request.state, "state")
        size = page_size(request.page_size)
        query = ("ListAdjustments", program.name, str(state))
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else NEWEST
        found = await self._adjustments.page(program, state, before, size + 1)
        return pb.ListAdjustmentsResponse(
            adjustments=[_adjustment(one) for one in found[:size]],
            next_page_token=write_token(query, (found[size - 1].id,)) if len(found) > size else "",
        )


def _adjustment(found: Adjustment) -> pb.Adjustment:
    transaction = res.Transaction(
        name=answers.transaction_name(found.program, found.transaction),
        kind=res.TRANSACTION_KIND_ADJUSTMENT,
        postings=[_posting(posting) for posting in found.postings],
        memo=found.memo,
        if_closed=cast("res.IfClosed.ValueType", found.if_closed.value),
    )
    if found.effective_time is not None:
        transaction.effective_time.CopyFrom(timestamp(found.effective_time))
    message = pb.Adjustment(
        name=found.name,
        transaction=transaction,
        state=cast("pb.AdjustmentState.ValueType", found.state.value),
        proposer=found.proposed.actor,
        propose_time=timestamp(found.proposed.time),
        reason=found.reason,
    )
    if found.resolved is not None:
        message.resolver = found.resolved.actor
        message.resolve_time.CopyFrom(timestamp(found.resolved.time))
    return message


def _posting(posting: PostingOrder) -> res.Posting:
    message = res.Posting(
        source=posting.source.name,
        destination=posting.destination.name,
        amount=posting.amount,
        pending=posting.available_time == NEVER,
    )
    if posting.expire_time != NEVER:
        message.expire_time.CopyFrom(timestamp(posting.expire_time))
    if posting.available_time not in (NEVER, LONG_AGO):
        message.available_time.CopyFrom(timestamp(posting.available_time))
    return message
