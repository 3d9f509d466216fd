"""The RPCs about a program's books."""

from __future__ import annotations

from guerdon.ledger.v1 import books_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant, timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.pages import page_size, read_token, write_token
from ledger.domain.books import BooksChange
from ledger.operations.books import NEWEST, Books, BooksOrder
from ledger.servicer import orders
from ledger.store.directory import Directory


class BooksRpcs:
    """Closing, reopening, and what was closed when by whom."""

    _directory: Directory
    _books: Books

    async def close_books(self, request: pb.CloseBooksRequest, call: CallContext) -> pb.CloseBooksResponse:
        order = await self._books_order(request, call)
        change, call.replayed = await self._books.close(Fingerprint.of(call, request, order.program.name), order)
        return pb.CloseBooksResponse(change=_change(change))

    async def reopen_books(self, request: pb.ReopenBooksRequest, call: CallContext) -> pb.ReopenBooksResponse:
        order = await self._books_order(request, call)
        change, call.replayed = await self._books.reopen(Fingerprint.of(call, request, order.program.name), order)
        return pb.ReopenBooksResponse(change=_change(change))

    async def list_books_changes(
        self, request: pb.ListBooksChangesRequest, _call: CallContext
    ) -> pb.ListBooksChangesResponse:
        program = await self._directory.program(request.parent, "parent")
        size = page_size(request.page_size)
        query = ("ListBooksChanges", program.name)
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else NEWEST
        found = await self._books.changes(program, before, size + 1)
        return pb.ListBooksChangesResponse(
            changes=[_change(change) for change in found[:size]],
            next_page_token=write_token(query, (found[size - 1].number,)) if len(found) > size else "",
        )

    async def _books_order(
        self, request: pb.CloseBooksRequest | pb.ReopenBooksRequest, call: CallContext
    ) -> BooksOrder:
        program = await self._directory.program(request.parent, "parent")
        close_time = instant(request.close_time, "close_time") if request.HasField("close_time") else None
        if not request.reason.strip():
            raise InvalidField.of("reason", "must say why")
        caller = call.caller
        person = caller.act or caller.name
        return BooksOrder(program, close_time, caller.actor, person, orders.text(request.reason, "reason"))


def _change(found: BooksChange) -> pb.BooksChange:
    return pb.BooksChange(
        close_time=None if found.close_time is None else timestamp(found.close_time),
        actor=found.actor,
        reason=found.reason,
        record_time=timestamp(found.record_time),
    )
