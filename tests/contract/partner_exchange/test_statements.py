"""Statements: opening balance, lines and closing balance add up, as pages and as CSV, and a partner's own file is
compared with them row by row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from fractions import Fraction

import pytest

from guerdon import InvalidRequestError, NotFoundError, RefusedError
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1 import statements_pb2 as pb
from tests.contract.partner_exchange.treasury import Treasurer, sent
from tests.contract.partner_exchange.world import Brand, Coalition

EXCHANGE, ROUNDING = pb.STATEMENT_LINE_KIND_EXCHANGE, pb.STATEMENT_LINE_KIND_ROUNDING
SETTLEMENT = pb.STATEMENT_LINE_KIND_SETTLEMENT
Row = pb.ReconcileStatementRequest.Row


def exact(owed: res.Owed) -> Fraction:
    return owed.minor_units + Fraction(owed.fraction.numerator, owed.fraction.denominator)


def balances(statement: pb.Statement) -> list[Fraction]:
    return [exact(statement.opening_balance), exact(statement.closing_balance)]


async def read(brand: Brand, number: int, size: int = 1_000) -> tuple[pb.Statement, list[pb.StatementLine]]:
    """A brand's statement with all of its lines, page by page."""
    lines: list[pb.StatementLine] = []
    token = ""
    while True:
        request = pb.GetStatementRequest(name=f"{brand.name}/statements/{number}", page_size=size, page_token=token)
        page = await brand.own.statements.GetStatement(request)
        lines += page.lines
        token = page.next_page_token
        if not token:
            return page.statement, lines


async def exported(brand: Brand, number: int) -> list[list[str]]:
    request = pb.ExportStatementRequest(name=f"{brand.name}/statements/{number}")
    parts = [part.csv async for part in brand.own.statements.ExportStatement(request)]
    return list(csv.reader(io.StringIO(b"".join(parts).decode())))


async def compared(brand: Brand, number: int, *chunks: Iterable[Row]) -> list[pb.StatementDifference]:
    async def file() -> AsyncIterator[pb.ReconcileStatementRequest]:
        for rows in chunks:
            yield pb.ReconcileStatementRequest(name=f"{brand.name}/statements/{number}", rows=rows)

    answers = [answer async for answer in brand.own.statements.ReconcileStatement(file())]
    assert answers[-1].done
    assert answers[-1].row_count == sum(len(list(rows)) for rows in chunks)
    return [difference for answer in answers for difference in answer.differences]


async def test_each_statement_begins_with_what_the_one_before_ended_with_and_adds_up(coalition: Coalition) -> None:
    treasurer = Treasurer(coalition)
    one, other = await coalition.brand("1/3"), await coalition.brand("2/3")
    await coalition.publish(one.to(other, "1"), other.to(one, "1"))
    for points in (1, 10, 100):
        await sent(one, other, points)
    await sent(other, one, 40)
    before, _ = await read(one, 1)
    assert exact(before.opening_balance) == 0
    assert not before.HasField("closing_balance")
    with pytest.raises(RefusedError) as still_open:
        await exported(one, 1)
    assert still_open.value.reason == "WINDOW_STATE_CONFLICT"
    await treasurer.close(1)

    # 111 points at 2/3 are 74 exactly; 40 at 1/3 are 13 1/3, and 13.
    statement, lines = await read(one, 1, size=2)
    assert balances(statement) == [0, 13 - 74]
    assert sum(exact(line.amount) for line in lines) == 13 - 74
    assert sorted(exact(line.amount) for line in lines if line.kind == EXCHANGE) == [
        Fraction(-200, 3),
        Fraction(-20, 3),
        Fraction(-2, 3),
        Fraction(40, 3),
    ]
    assert [exact(line.amount) for line in lines if line.kind == ROUNDING] == [Fraction(-1, 3)]
    assert {line.counterparty for line in lines} == {other.name}
    mirrored, _ = await read(other, 1)
    assert exact(mirrored.closing_balance) == 74 - 13

    await sent(other, one, 30)
    await treasurer.deposit(one, 61)
    await treasurer.settle(1)
    await treasurer.close(2)
    following, lines = await read(one, 2)
    assert balances(following) == [13 - 74, 10]
    assert [(line.kind, line.amount.minor_units, line.settled_window) for line in lines] == [
        (EXCHANGE, 10, ""),
        (SETTLEMENT, 61, treasurer.window(1)),
    ]
    # What was paid later does not change what was closed before.
    assert (await read(one, 1))[0] == statement

    header, opening, *rows, closing = await exported(one, 2)
    amount = header.index("minor_units")
    assert (opening[0], opening[amount], closing[0], closing[amount]) == ("OPENING", "-61", "CLOSING", "10")
    assert [(row[0], row[amount]) for row in rows] == [("EXCHANGE", "10"), ("SETTLEMENT", "61")]


async def test_a_partners_file_is_compared_exactly(coalition: Coalition) -> None:
    treasurer = Treasurer(coalition)
    one, other = await coalition.pair("1", "1")
    made = [await sent(one, other, points) for points in (1, 2, 3, 4)]
    back = await sent(other, one, 5)
    await treasurer.close(1)
    later = await sent(one, other, 6)

    def row(exchange: res.Exchange) -> Row:
        return Row(
            entry_id=exchange.name.rpartition("/")[2],
            owes=exchange.sender_id == one.id,
            counterparty_id=other.id,
            debited_amount=exchange.debited_amount,
            received_amount=exchange.received_amount,
        )

    whole = [row(exchange) for exchange in (*made, back)]
    assert await compared(one, 1, whole[3:], whole[:3]) == []
    altered = row(made[1])
    altered.received_amount, altered.owes = 3, False
    found = await compared(
        one,
        1,
        [row(made[0]), altered, row(later)],
        [row(made[0]), row(back), Row(entry_id="never-heard-of")],
    )
    assert {(difference.kind, difference.entry_id) for difference in found} == {
        (pb.DIFFERENCE_KIND_DIFFERENT, row(made[1]).entry_id),
        (pb.DIFFERENCE_KIND_EXTRA, row(later).entry_id),
        (pb.DIFFERENCE_KIND_DUPLICATE, row(made[0]).entry_id),
        (pb.DIFFERENCE_KIND_EXTRA, "never-heard-of"),
        (pb.DIFFERENCE_KIND_MISSING, row(made[2]).entry_id),
        (pb.DIFFERENCE_KIND_MISSING, row(made[3]).entry_id),
    }
    [different] = [difference for difference in found if difference.fields]
    assert [(field.field, field.statement_value, field.file_value) for field in different.fields] == [
        ("owes", "True", "False"),
        ("received_amount", "2", "3"),
    ]
    empty = await compared(one, 1, [])
    assert {difference.kind for difference in empty} == {pb.DIFFERENCE_KIND_MISSING}
    assert len(empty) == 5


async def test_a_statement_is_read_by_its_partner_alone(coalition: Coalition) -> None:
    one, other = await coalition.pair("1", "1")
    with pytest.raises(NotFoundError):
        await one.own.statements.GetStatement(pb.GetStatementRequest(name=f"{other.name}/statements/1"))
    with pytest.raises(NotFoundError):
        await read(one, 2)
    with pytest.raises(InvalidRequestError):
        await one.own.statements.GetStatement(
            pb.GetStatementRequest(name=f"{one.name}/statements/1", page_token="elsewhere")
        )
