"""Verification of one shard, in one snapshot, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple

from guerdon_kit.postgres import load_queries
from ledger.operations.findings import Finding, Names
from ledger.store.ids import AT_ONCE_MAX
from ledger.store.long_reads import LongRead

queries = load_queries("ledger")

TRANSACTIONS = 20_000
"""How many are read at once."""
ACCOUNTS, CHANGES = 4_000, 100_000
"""How many accounts are read at once, and how many changes of theirs unless one account alone has more."""
_END = 2**63 - 1 - AT_ONCE_MAX
"""After every id."""

CacheCheck = Callable[[LongRead, int, Sequence[int]], Awaitable[list[Finding]]]
"""Answers the cached balances of member accounts that differ from what PostgreSQL has."""


class Step(NamedTuple):
    """A part of a shard that was verified, and what is wrong there."""

    phase: str
    findings: list[Finding]
    postings: int = 0
    accounts: int = 0


class ShardAudit:
    """What was written is checked before what was made of it, so that a posting which was changed is named before the
    balances that it spoils.
    """

    def __init__(self, connection: LongRead, shard: int, now: datetime, cached: CacheCheck) -> None:
        self._connection = connection
        self._shard = shard
        self._now = now
        self._cached = cached
        self._names = Names(connection, shard)

    async def run(self) -> AsyncGenerator[Step]:
        """Verifies the shard but for its chain."""
        sums: dict[int, int] = {}
        for part in (self._journal(sums), self._accounts(), self._checkpoints(sums)):
            async with aclosing(part) as steps:
                async for step in steps:
                    yield step

    async def _journal(self, sums: dict[int, int]) -> AsyncGenerator[Step]:
        """Transactions, their postings and the lots that these made. Adds up what the checkpoints must say."""
        since = await queries.checkpoint_since(self._connection, shard=self._shard)
        after = -1
        while after < _END:
            last = await queries.last_transaction(self._connection, shard=self._shard, after=after, limit=TRANSACTIONS)
            span: dict[str, Any] = {"shard": self._shard, "after": after, "last": last or _END}
            found = await self._names.findings(
                queries.journal_findings(self._connection, **span, postings_max=AT_ONCE_MAX)
            )
            postings = 0
            async for row in queries.journal_sums(
                self._connection, **span, postings_max=AT_ONCE_MAX, since=since or "1:1:"
            ):
                if row["account"] is None:
                    postings = int(row["amount"])
                else:
                    sums[row["account"]] = sums.get(row["account"], 0) + int(row["amount"])
            yield Step("journal", found, postings=postings)
            made = queries.made_findings(self._connection, **span, postings_max=AT_ONCE_MAX)
            yield Step("lots", await self._names.findings(made))
            after = span["last"]

    async def _checkpoints(self, sums: dict[int, int]) -> AsyncGenerator[Step]:
        kept = {
            row["account"]: int(row["posted"]) async for row in queries.checkpoints(self._connection, shard=self._shard)
        }
        found = [
            Finding(
                "CHECKPOINT_DIFFERS",
                self._shard,
                await self._names.account(account),
                str(kept.get(account, 0)),
                str(sums.get(account, 0)),
            )
            for account in sorted(kept.keys() | sums.keys())
            if kept.get(account, 0) != sums.get(account, 0)
        ]
        yield Step("checkpoints", found)

    async def _accounts(self) -> AsyncGenerator[Step]:
        """Member accounts: their entries and events, lots and holds, and what is cached of them."""
        after = -1
        while after < _END:
            ids, last = await self._next_accounts(after)
            span = {"shard": self._shard, "after": after, "last": last}
            found = await self._names.findings(queries.account_findings(self._connection, **span, now=self._now))
            found += await self._names.findings(queries.lot_time_findings(self._connection, **span))
            found += await self._cached(self._connection, self._shard, ids)
            yield Step("accounts", found, accounts=len(ids))
            after = last

    async def _next_accounts(self, after: int) -> tuple[list[int], int]:
        """The next accounts, and where they end: after every id with the last of them, so that entries of accounts
        that do not exist are found too.
        """
        ids: list[int] = []
        changes = 0
        async for row in queries.member_versions(self._connection, shard=self._shard, after=after, limit=ACCOUNTS):
            changes += row["version"]
            if ids and changes > CHANGES:
                return ids, ids[-1]
            ids.append(row["id"])
        return ids, ids[-1] if len(ids) == ACCOUNTS else _END
