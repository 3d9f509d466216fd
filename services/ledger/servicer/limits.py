"""The RPCs about credit limits."""

from __future__ import annotations

from guerdon.ledger.v1 import limits_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.pages import page_size, read_token, write_token
from ledger.domain.limits import CreditLimitChange
from ledger.operations.limits import NEWEST, CreditLimits, LimitOrder
from ledger.servicer import orders
from ledger.store.directory import Directory


class LimitRpcs:
    """Setting credit limits, and what was set when by whom."""

    _directory: Directory
    _limits: CreditLimits

    async def set_credit_limit(self, request: pb.SetCreditLimitRequest, call: CallContext) -> pb.SetCreditLimitResponse:
        account = await self._directory.account(request.name)
        limited = request.HasField("credit_limit")
        credit_limit = orders.amount(request.credit_limit, "credit_limit", least=0) if limited else None
        if not request.reason.strip():
            raise InvalidField.of("reason", "must say why")
        order = LimitOrder(account, credit_limit, call.caller.actor, orders.text(request.reason, "reason"))
        change, call.replayed = await self._limits.set(Fingerprint.of(call, request, account.program.name), order)
        return pb.SetCreditLimitResponse(change=_change(change))

    async def list_credit_limit_changes(
        self, request: pb.ListCreditLimitChangesRequest, _call: CallContext
    ) -> pb.ListCreditLimitChangesResponse:
        account = await self._directory.account(request.parent, "parent")
        size = page_size(request.page_size)
        query = ("ListCreditLimitChanges", account.name)
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else NEWEST
        found = await self._limits.changes(account, before, size + 1)
        return pb.ListCreditLimitChangesResponse(
            changes=[_change(change) for change in found[:size]],
            next_page_token=write_token(query, (found[size - 1].number,)) if len(found) > size else "",
        )


def _change(found: CreditLimitChange) -> pb.CreditLimitChange:
    return pb.CreditLimitChange(
        credit_limit=found.credit_limit,
        available=found.available,
        actor=found.actor,
        reason=found.reason,
        record_time=timestamp(found.record_time),
    )
