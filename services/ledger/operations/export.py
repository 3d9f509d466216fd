"""A program's journal as text, in one snapshot, a bounded number of transactions at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from guerdon_kit.postgres import Database, load_queries
from ledger.domain.model import AccountKind, Kind, Program
from ledger.domain.plain_text import (
    WRITERS,
    Format,
    JournalAccount,
    JournalPosting,
    JournalTransaction,
    JournalUnit,
    Writer,
)
from ledger.store.ids import AT_ONCE_MAX
from ledger.store.long_reads import LongRead, long_read

queries = load_queries("ledger")

AT_ONCE = 2_000
"""Accounts or transactions that are read at once."""
TEXT_MAX = 64 * 1024
"""The characters after which a text is sent."""
_END = 2**63 - 1 - AT_ONCE_MAX


class Export:
    """Writes journals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, program: Program, format_: Format) -> AsyncGenerator[str]:
        """The journal of a program in parts of whole lines: its units and accounts, then its transactions in the order
        of their ids.

        Raises:
            Unavailable: PostgreSQL is away, or nobody took a part for ten minutes.
        """
        writer = WRITERS[format_](program.name, ZoneInfo(program.time_zone))
        held: list[str] = []
        size = 0
        async with long_read(self._database) as connection, aclosing(_lines(connection, program, writer)) as lines:
            async for line in lines:
                held.append(line)
                size += len(line)
                if size >= TEXT_MAX:
                    yield "".join(held)
                    held, size = [], 0
        yield "".join(held)


async def _lines(connection: LongRead, program: Program, writer: Writer) -> AsyncGenerator[str]:
    units = {
        row["unit"]: JournalUnit(row["id"], row["scale"])
        async for row in queries.export_units(connection, program=program.number)
    }
    yield writer.head(program.name, units.values())
    name = ""
    while found := [
        row
        async for row in queries.export_accounts(
            connection, shard=program.shard, program=program.number, after=name, limit=AT_ONCE
        )
    ]:
        for row in found:
            yield writer.account(JournalAccount(AccountKind(row["kind"]), row["name"], units[row["unit"]]))
        name = found[-1]["name"]
    after = -1
    while after < _END:
        last = await queries.last_transaction(connection, shard=program.shard, after=after, limit=AT_ONCE) or _END
        rows = [
            row
            async for row in queries.export_postings(
                connection,
                shard=program.shard,
                program=program.number,
                after=after,
                last=last,
                postings_max=AT_ONCE_MAX,
            )
        ]
        for transaction in _transactions(rows, units):
            yield writer.transaction(transaction)
        after = last


def _transactions(rows: list[Any], units: dict[int, JournalUnit]) -> Iterator[JournalTransaction]:
    for _, group in groupby(rows, key=lambda row: row["id"]):
        of = list(group)
        yield JournalTransaction(
            of[0]["id"],
            Kind(of[0]["kind"]),
            of[0]["effective_time"],
            of[0]["record_time"],
            of[0]["actor"],
            of[0]["memo"] or "",
            of[0]["reverses"] or 0,
            tuple([_posting(row, units[row["unit"]]) for row in of]),
        )


def _posting(row: Any, unit: JournalUnit) -> JournalPosting:
    return JournalPosting(
        JournalAccount(AccountKind(row["source_kind"]), row["source"], unit),
        JournalAccount(AccountKind(row["destination_kind"]), row["destination"], unit),
        row["amount"],
    )
