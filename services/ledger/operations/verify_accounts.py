"""Verification of a shard's member accounts: what was made of what was recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from guerdon_kit.postgres import load_queries
from ledger.operations.findings import FINDINGS_MAX, Finding, Names
from ledger.operations.verify_journal import END
from ledger.store.long_reads import LongRead

queries = load_queries("ledger")

ACCOUNTS, CHANGES = 20_000, 300_000
"""How many accounts are read at once, and how many changes of theirs unless one account alone has more. An account's
changes lie all over the ledger: with fewer at once, each page of it would be read more often.
"""
CACHED = 4_000
"""How many cached balances are read at once."""

CacheCheck = Callable[[LongRead, int, Sequence[int]], Awaitable[list[Finding]]]
"""Answers the cached balances of member accounts that differ from what PostgreSQL has."""


@dataclass
class AccountsAudit:
    """The verification of a shard's member accounts: their entries and events, lots and holds, and what is cached of
    them; and what it has come to so far.
    """

    shard: int
    now: datetime
    cached: CacheCheck
    findings: list[Finding] = field(default_factory=list)
    accounts: int = 0
    """How many were checked."""

    async def run(self, connection: LongRead) -> None:
        """Verifies everything, or up to the first hundred findings."""
        names = Names(connection, self.shard)
        after = -1
        while after < END and len(self.findings) < FINDINGS_MAX:
            ids, last = await self._next(connection, after)
            span = {"shard": self.shard, "after": after, "last": last}
            self.findings += await names.findings(queries.account_findings(connection, **span, now=self.now))
            self.findings += await names.findings(queries.lot_time_findings(connection, **span))
            for start in range(0, len(ids), CACHED):
                self.findings += await self.cached(connection, self.shard, ids[start : start + CACHED])
            self.accounts += len(ids)
            after = last
        self.findings += await names.findings(queries.unplaced_hold_findings(connection, shard=self.shard))

    async def _next(self, connection: LongRead, after: int) -> tuple[list[int], int]:
        """The next accounts, and where they end: after every id with the last of them, so that entries of accounts
        that do not exist are found too.
        """
        ids: list[int] = []
        changes = 0
        async for row in queries.member_versions(connection, shard=self.shard, after=after, limit=ACCOUNTS):
            changes += row["version"]
            if ids and changes > CHANGES:
                return ids, ids[-1]
            ids.append(row["id"])
        return ids, ids[-1] if len(ids) == ACCOUNTS else END
