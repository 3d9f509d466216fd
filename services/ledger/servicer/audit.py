"""The RPCs of an auditor: verification, the journal, and what may be erased from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from guerdon.ledger.v1 import journal_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from ledger.domain.plain_text import Format
from ledger.operations.erasure import Erasure
from ledger.operations.export import Export
from ledger.operations.verify import Verification
from ledger.servicer import answers, orders
from ledger.store.directory import Directory

_FORMATS = {
    journal_pb2.JOURNAL_FORMAT_UNSPECIFIED: Format.BEANCOUNT,
    journal_pb2.JOURNAL_FORMAT_BEANCOUNT: Format.BEANCOUNT,
    journal_pb2.JOURNAL_FORMAT_LEDGER: Format.LEDGER,
}


class AuditRpcs:
    """Verification, export and erasure."""

    _directory: Directory
    _verification: Verification
    _export: Export
    _erasure: Erasure

    async def export_journal(
        self, request: journal_pb2.ExportJournalRequest, _call: CallContext
    ) -> AsyncIterator[journal_pb2.ExportJournalResponse]:
        if request.format not in _FORMATS:
            raise InvalidField.of("format", "is not a format of journals")
        program = await self._directory.program(request.parent, "parent")
        async with aclosing(self._export.run(program, _FORMATS[request.format])) as texts:
            async for text in texts:
                yield journal_pb2.ExportJournalResponse(text=text)

    async def erase_texts(
        self, request: journal_pb2.EraseTextsRequest, call: CallContext
    ) -> journal_pb2.EraseTextsResponse:
        account = await self._directory.account(request.name)
        fingerprint = Fingerprint.of(call, request, account.program.name)
        erased, call.replayed = await self._erasure.erase(fingerprint, account)
        return journal_pb2.EraseTextsResponse(
            transaction_count=erased.transactions, hold_count=erased.holds, adjustment_count=erased.adjustments
        )

    async def verify(self, request: pb.VerifyRequest, _call: CallContext) -> AsyncIterator[pb.VerifyResponse]:
        heads = orders.chain_heads(request.heads)
        async with aclosing(self._verification.run(heads)) as steps:  # whoever leaves makes room for the next one
            async for progress in steps:
                yield answers.progress(progress)
