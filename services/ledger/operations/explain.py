"""Explaining a balance: the lots that it is made of, the postings that made them, and what was taken from each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database, load_queries
from ledger.domain.errors import BalanceChanged, NoStatement
from ledger.domain.model import Account, Balance, Kind, Lot
from ledger.store import reader
from ledger.store.balances import read_books, settled
from ledger.store.directory import Directory

queries = load_queries("ledger")

MOVES_MAX = 100
_DEBT = 0


@dataclass(frozen=True, slots=True)
class LotMove:
    """A change of what is open of a lot, or of a debt. `transaction` is 0 and `kind` None where no points moved."""

    transaction: int
    kind: Kind | None
    amount: int
    version: int
    record_time: datetime


@dataclass(frozen=True, slots=True)
class Moves:
    """The newest moves, and what all that came before them come to."""

    newest: Sequence[LotMove] = ()
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class ExplainedLot:
    """A lot: `amount + moves.earlier + Σ moves.newest = open`."""

    lot: Lot
    transaction: int
    kind: Kind
    source: Account
    effective_time: datetime
    moves: Moves


@dataclass(frozen=True, slots=True)
class Explanation:
    """A balance and a page of its open lots, oldest first: over all pages `Σ open − debt = posted`."""

    balance: Balance
    lots: Sequence[ExplainedLot]
    debt: Moves
    """How the debt came about; on the first page."""


class Explain:
    """Explains balances."""

    def __init__(self, database: Database, directory: Directory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def page(self, account: Account, version: int | None, after: int, limit: int) -> Explanation:
        """The open lots with an id above `after`, at most `limit`, of the given version; None: of the present one.

        It reads what happened on the account since the oldest of them and, with a debt, all that ever did.

        Raises:
            NoStatement: a system account has no lots.
            BalanceChanged: the account is at another version by now.
        """
        if not account.is_member:
            raise NoStatement(account=account.name)
        async with (
            self._database.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            [book] = await read_books(connection, account.shard, {account.id: account})
            if version is not None and book.version != version:
                raise BalanceChanged(account=account.name, version=book.version, seen=version)
            await reader.load(connection, [book])
            lots = sorted((lot for lot in book.lots.values() if lot.id > after), key=lambda lot: lot.id)[:limit]
            origins = await self._origins(connection, account, lots)
            since = min((row["version"] - 1 for row in origins.values()), default=book.version)
            moves = await self._moves(connection, account, [lot.id for lot in lots], since) if lots else {}
            debt = Moves()
            if book.debt and after == 0:
                debt = (await self._moves(connection, account, [_DEBT], 0))[_DEBT]
        sources = await self._directory.by_ids(account.shard, {row["source"] for row in origins.values()})
        explained = [
            ExplainedLot(
                lot,
                origins[lot.posting]["transaction"],
                Kind(origins[lot.posting]["kind"]),
                sources[origins[lot.posting]["source"]],
                origins[lot.posting]["effective_time"],
                moves.get(lot.id, Moves()),
            )
            for lot in lots
        ]
        return Explanation(settled(book, self._clock.now()), explained, debt)

    async def _origins(self, connection: Connection, account: Account, lots: Sequence[Lot]) -> dict[int, Any]:
        ids = [lot.posting for lot in lots]
        return {row["id"]: row async for row in queries.lot_origins(connection, shard=account.shard, ids=ids)}

    async def _moves(
        self, connection: Connection, account: Account, lots: Sequence[int], after: int
    ) -> dict[int, Moves]:
        found = queries.lot_moves(
            connection, shard=account.shard, account=account.id, lots=lots, after=after, limit=MOVES_MAX
        )
        newest: dict[int, list[LotMove]] = {}
        totals: dict[int, int] = {}
        async for row in found:
            kind = Kind(row["kind"]) if row["kind"] is not None else None
            move = LotMove(row["transaction"] or 0, kind, row["delta"], row["version"], row["record_time"])
            newest.setdefault(row["lot"], []).append(move)
            totals[row["lot"]] = row["total"]
        return {lot: Moves(moves, totals[lot] - sum(move.amount for move in moves)) for lot, moves in newest.items()}
