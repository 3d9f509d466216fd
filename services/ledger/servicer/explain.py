"""The RPC that explains a balance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from guerdon.ledger.v1 import explain_pb2 as pb
from guerdon.ledger.v1 import resources_pb2
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.pages import page_size, read_token, write_token
from ledger.domain.model import LONG_AGO, NEVER, Program
from ledger.operations.explain import Explain, ExplainedLot, LotMove
from ledger.servicer import answers
from ledger.store.directory import Directory


class ExplainRpcs:
    """From a balance down to lots and postings."""

    _directory: Directory
    _explain: Explain

    async def explain_balance(self, request: pb.ExplainBalanceRequest, _call: CallContext) -> pb.ExplainBalanceResponse:
        account = await self._directory.account(request.name)
        size = page_size(request.page_size)
        query = ("ExplainBalance", account.name)
        version, after = None, 0
        if request.page_token:
            version, after = [int(part) for part in read_token(request.page_token, query, (int, int))]
        found = await self._explain.page(account, version, after, size + 1)
        lots, more = found.lots[:size], len(found.lots) > size
        return pb.ExplainBalanceResponse(
            balance=answers.balance(found.balance),
            lots=[_lot(lot, account.program) for lot in lots],
            debt_moves=_moves(found.debt.newest, account.program),
            earlier_debt=found.debt.earlier,
            next_page_token=write_token(query, (found.balance.version, lots[-1].lot.id)) if more else "",
        )


def _lot(found: ExplainedLot, owner: Program) -> pb.ExplainedLot:
    lot = found.lot
    return pb.ExplainedLot(
        transaction=answers.transaction_name(owner, found.transaction),
        kind=cast("resources_pb2.TransactionKind.ValueType", found.kind.value),
        source=found.source.name,
        effective_time=timestamp(found.effective_time),
        record_time=timestamp(lot.record_time),
        amount=lot.amount,
        open=lot.open,
        held=lot.held,
        expire_time=None if lot.expire_time == NEVER else timestamp(lot.expire_time),
        available_time=None if lot.available_time in (LONG_AGO, NEVER) else timestamp(lot.available_time),
        moves=_moves(found.moves.newest, owner),
        earlier_moved=found.moves.earlier,
    )


def _moves(found: Iterable[LotMove], owner: Program) -> list[pb.LotMove]:
    return [
        pb.LotMove(
            transaction=answers.transaction_name(owner, move.transaction),
            kind=cast("resources_pb2.TransactionKind.ValueType", 0 if move.kind is None else move.kind.value),
            amount=move.amount,
            version=move.version,
            record_time=timestamp(move.record_time),
        )
        for move in found
    ]
