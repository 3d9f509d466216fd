"""Reading what was posted: a transaction, and a member's statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from guerdon_kit.errors import NotFound
from guerdon_kit.names import parse
from guerdon_kit.postgres import Database
from ledger.domain.book import Move
from ledger.domain.errors import NoStatement
from ledger.domain.model import LONG_AGO, Account, Kind, Program
from ledger.store.directory import Directory, queries

LOOK_MAX = 10_000
"""How many of a shard's transactions one page looks at for those of its program."""
PAGE_POSTINGS_MAX = 10_000
"""How many postings one page has at most: an answer has to fit into a message."""
BESIDE = timedelta(minutes=10)
"""Ids are drawn as batches begin, so that they follow the times of recording: none is out of order by as much."""


@dataclass(frozen=True, slots=True)
class StoredPosting:
    """A posting as it is stored."""

    id: int
    source: Account
    destination: Account
    amount: int
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class StoredTransaction:
    """A transaction as a reader of `program` sees it: with that program's postings only."""

    id: int
    program: Program
    kind: Kind
    effective_time: datetime
    record_time: datetime
    actor: str
    memo: str
    reverses: int
    size: int
    """How many postings it has, those of other programs included."""
    postings: tuple[StoredPosting, ...]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One posting as an account sees it. `amount` is negative for a debit."""

    transaction: int
    kind: Kind
    amount: int
    posted: int
    version: int
    counterparty: Account
    effective_time: datetime
    record_time: datetime
    memo: str


class Transactions:
    """Reads transactions and statements."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def find(self, name: str) -> StoredTransaction:
        """The transaction of that name. Raises InvalidField, NotFound."""
        program_id, id_ = parse(name, "programs/{program}/transactions/{transaction}")
        program = await self._directory.program_by_id(program_id)
        if not id_.isdecimal() or int(id_) >= 2**63:
            raise NotFound(name)
        async with self._database.acquire() as connection:
            row = await queries.transaction(connection, shard=program.shard, id=int(id_))
            if row is None:
                raise NotFound(name)
            first, last = row["id"], row["id"] + row["postings"]
            found = [
                posting
                async for posting in queries.postings_of(connection, shard=program.shard, first=first, last=last)
            ]
        [stored] = await self._stored(program, [row], found)
        if not stored.postings:
            raise NotFound(name)
        return stored

    async def page(
        self, program: Program, before: int, size: int, since: datetime | None = None
    ) -> tuple[list[StoredTransaction], int]:
        """The program's transactions with ids below `before`, newest first, at most `size`, and the id below which the
        rest begin; 0: there are no more. They may be fewer, or none, though others follow. If set, only those that were
        recorded `since` then.
        """
        shard = program.shard
        ended = LONG_AGO if since is None else max(since, LONG_AGO + BESIDE) - BESIDE
        async with self._database.acquire() as connection:
            rows = [
                row
                async for row in queries.transactions_of(
                    connection,
                    shard=shard,
                    program=program.number,
                    before=before,
                    since=since or LONG_AGO,
                    look=LOOK_MAX,
                    limit=size + 1,
                )
            ]
            page = _within(rows[:size], PAGE_POSTINGS_MAX)
            if len(rows) > len(page):
                rest = page[-1]["id"]
            else:
                looked = queries.looked_until(connection, shard=shard, before=before, ended=ended, look=LOOK_MAX)
                rest = await looked or 0
            # Id by id, not from the first to the last of each: PostgreSQL may compare all postings with all of these.
            ids = [id_ for row in page for id_ in range(row["id"], row["id"] + row["postings"])]
            found = [posting async for posting in queries.postings_by_id(connection, shard=shard, ids=ids)]
        return await self._stored(program, page, found), rest

    async def _stored(self, program: Program, rows: Sequence[Any], found: Sequence[Any]) -> list[StoredTransaction]:
        """Transactions as the program sees them, of their rows and those of their postings."""
        ids = {id_ for posting in found for id_ in (posting["source"], posting["destination"])}
        accounts = await self._directory.by_ids(program.shard, ids)
        visible: dict[int, list[StoredPosting]] = {row["id"]: [] for row in rows}
        for row in found:
            posting = _posting(row, accounts)
            if posting.source.program == program:
                visible[row["id"] - row["ordinal"]].append(posting)
        return [
            StoredTransaction(
                row["id"],
                program,
                Kind(row["kind"]),
                row["effective_time"],
                row["record_time"],
                row["actor"],
                row["memo"] or "",
                row["reverses"] or 0,
                row["postings"],
                tuple(visible[row["id"]]),
            )
            for row in rows
        ]

    async def statement(self, account: Account, before: int, limit: int) -> Sequence[StatementLine]:
        """A member account's postings of versions below `before`, newest first, at most `limit`.

        Raises:
            NoStatement: a system account.
        """
        if not account.is_member:
            raise NoStatement(account=account.name)
        async with self._database.acquire() as connection:
            found = [
                row
                async for row in queries.statement(
                    connection, shard=account.shard, account=account.id, before=before, limit=limit
                )
            ]
        others = await self._directory.by_ids(account.shard, (row["counterparty"] for row in found))
        return [
            StatementLine(
                row["transaction"],
                Kind(row["kind"]),
                row["amount"],
                row["posted"],
                row["version"],
                others[row["counterparty"]],
                row["effective_time"],
                row["record_time"],
                row["memo"] or "",
            )
            for row in found
        ]


def _within(rows: Sequence[Any], most: int) -> Sequence[Any]:
    """The first of these transactions that have at most so many postings together, and at least one of them."""
    totals = accumulate(row["postings"] for row in rows)
    return rows[: max(1, sum(total <= most for total in totals))]


def _posting(row: Any, accounts: dict[int, Account]) -> StoredPosting:
    return StoredPosting(
        row["id"],
        accounts[row["source"]],
        accounts[row["destination"]],
        row["amount"],
        tuple(zip(row["lots"] or (), row["lot_deltas"] or (), strict=True)),
    )
