"""Statements."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from fractions import Fraction

from guerdon.exchange.v1 import statements_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from partner_exchange.domain.statements import (
    BEGINNING,
    CSV_HEADER,
    Difference,
    DifferenceKind,
    Line,
    LineKind,
    Place,
    Row,
    Statement,
    csv_balance,
    csv_row,
)
from partner_exchange.domain.windows import Party, window_name
from partner_exchange.operations.statements import Statements
from partner_exchange.servicer import reading, writing
from partner_exchange.servicer.reading import STATEMENT

_LINE_KINDS = {kind: pb.StatementLineKind.Value(f"STATEMENT_LINE_KIND_{kind.value}") for kind in LineKind}
_DIFFERENCE_KINDS = {kind: pb.DifferenceKind.Value(f"DIFFERENCE_KIND_{kind.value}") for kind in DifferenceKind}
_MICROSECOND = timedelta(microseconds=1)
_ROWS_MAX = 1_000
_LINES_OF_A_CHUNK = 500


class StatementServicer:
    """`guerdon.exchange.v1.StatementService`."""

    service = pb.DESCRIPTOR.services_by_name["StatementService"]

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def get_statement(self, request: pb.GetStatementRequest, call: CallContext) -> pb.GetStatementResponse:
        """Reads a page of a statement."""
        size, query = pages.page_size(request.page_size), (call.method, request.name)
        after = _place(request.page_token, query) if request.page_token else None
        statement = await self._statements.get(*_named(request.name))
        found: list[Line] = []
        async with aclosing(self._statements.lines(statement, after)) as lines:
            async for line in lines:
                found.append(line)
                if len(found) > size:
                    break
        answer = pb.GetStatementResponse(
            statement=_statement(statement), lines=[_line(statement, line) for line in found[:size]]
        )
        if len(found) > size:
            answer.next_page_token = pages.write_token(query, _position(found[size - 1].place))
        return answer

    async def export_statement(
        self, request: pb.ExportStatementRequest, _call: CallContext
    ) -> AsyncIterator[pb.ExportStatementResponse]:
        """Exports a statement."""
        statement = await self._statements.closed(*_named(request.name))
        assert statement.opening is not None
        assert statement.closing is not None
        count = 0
        rows: list[tuple[str, ...]] = [CSV_HEADER, csv_balance("OPENING", statement.opening)]
        async with aclosing(self._statements.lines(statement, None)) as lines:
            async for line in lines:
                rows.append(csv_row(line, _counterparty(statement, line), _settled(statement, line)))
                count += 1
                if len(rows) >= _LINES_OF_A_CHUNK:
                    yield pb.ExportStatementResponse(csv=_csv(rows), line_count=count)
                    rows = []
        rows.append(csv_balance("CLOSING", statement.closing))
        yield pb.ExportStatementResponse(csv=_csv(rows), line_count=count)

    async def reconcile_statement(
        self, requests: AsyncIterator[pb.ReconcileStatementRequest], _call: CallContext
    ) -> AsyncIterator[pb.ReconcileStatementResponse]:
        """Compares a file with a statement."""
        count = 0
        first = await anext(requests, None)
        if first is None:
            raise InvalidField.of("name", "is required")
        statement = await self._statements.closed(*_named(first.name))
        async with aclosing(self._statements.reconcile(statement, _chunks(first, requests))) as answers:
            async for differences, count in answers:
                yield pb.ReconcileStatementResponse(differences=map(_difference, differences), row_count=count)
        yield pb.ReconcileStatementResponse(row_count=count, done=True)


async def _chunks(
    first: pb.ReconcileStatementRequest, others: AsyncIterator[pb.ReconcileStatementRequest]
) -> AsyncIterator[Sequence[Row]]:
    yield _rows(first)
    async for request in others:
        if request.name != first.name:
            raise InvalidField.of("name", "must be the same in every message of a stream")
        yield _rows(request)


def _rows(request: pb.ReconcileStatementRequest) -> list[Row]:
    if len(request.rows) > _ROWS_MAX:
        raise InvalidField.of("rows", f"must be at most {_ROWS_MAX} in a message")
    return [
        Row(row.entry_id, row.owes, row.counterparty_id, row.debited_amount, row.received_amount)
        for row in request.rows
    ]


def _named(name: str) -> tuple[str, int]:
    partner_id, number = parse(name, STATEMENT)
    return partner_id, reading.version(number, "name", STATEMENT)


def _position(place: Place) -> tuple[str | int, ...]:
    return place.payer, place.payee, (place.time - BEGINNING) // _MICROSECOND, place.kind, place.entry


def _place(token: str, query: tuple[str, ...]) -> Place:
    payer, payee, micros, kind, entry = pages.read_token(token, query, (str, str, int, str, str))
    try:
        settlement = kind != LineKind.SETTLEMENT.value or str(entry).isdecimal()
        if not settlement:
            raise ValueError
        return Place(str(payer), str(payee), BEGINNING + int(micros) * _MICROSECOND, str(kind), str(entry))
    except (OverflowError, ValueError):
        raise InvalidField.of("page_token", "is not a token of this list") from None


def _statement(kept: Statement) -> pb.Statement:
    return pb.Statement(
        name=kept.name,
        window=kept.window.name,
        opening_balance=None if kept.opening is None else writing.owed(Fraction(kept.opening), kept.currency),
        closing_balance=None if kept.closing is None else writing.owed(Fraction(kept.closing), kept.currency),
    )


def _line(of: Statement, line: Line) -> pb.StatementLine:
    return pb.StatementLine(
        kind=_LINE_KINDS[line.kind],
        entry_id=line.entry,
        counterparty=_counterparty(of, line),
        time=None if line.time is None else timestamp(line.time),
        debited_amount=line.debited,
        received_amount=line.received,
        amount=writing.owed(line.amount, of.currency),
        settled_window=_settled(of, line),
    )


def _counterparty(of: Statement, line: Line) -> str:
    return "" if line.counterparty is None else Party(of.window.coalition_id, line.counterparty).name


def _settled(of: Statement, line: Line) -> str:
    return "" if line.settled_window is None else window_name(of.window.coalition_id, line.settled_window)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _difference(found: Difference) -> pb.StatementDifference:
    return pb.StatementDifference(
        kind=_DIFFERENCE_KINDS[found.kind],
        entry_id=found.entry_id,
        fields=[
            pb.StatementDifference.Field(field=name, statement_value=ours, file_value=theirs)
            for name, ours, theirs in found.fields
        ],
    )
