"""Verification of what a shard has recorded: transactions, their postings, and the lots that these made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from guerdon_kit.postgres import load_queries
from ledger.operations.findings import FINDINGS_MAX, Finding, Names
from ledger.store.ids import AT_ONCE_MAX
from ledger.store.long_reads import LongRead

queries = load_queries("ledger")

TRANSACTIONS = 20_000
"""How many are read at once."""
END = 2**63 - 1 - AT_ONCE_MAX
"""After every id."""


@dataclass
class JournalAudit:
    """The verification of a shard's journal and of what must be the sum of it, and what it has come to so far."""

    shard: int
    findings: list[Finding] = field(default_factory=list)
    """Of transactions and postings."""
    lots: list[Finding] = field(default_factory=list)
    adjustments: list[Finding] = field(default_factory=list)
    """Of what approvals posted."""
    checkpoints: list[Finding] = field(default_factory=list)
    slices: list[Finding] = field(default_factory=list)
    """Of what credit limits leave."""
    postings: int = 0
    """How many were checked."""

    async def run(self, connection: LongRead) -> None:
        """Verifies everything, or up to the first hundred findings."""
        names = Names(connection, self.shard)
        since = await queries.checkpoint_since(connection, shard=self.shard) or "1:1:"
        sums: dict[int, int] = {}
        after = -1
        while after < END:
            if len(self.findings) >= FINDINGS_MAX or len(self.lots) >= FINDINGS_MAX:
                return
            last = await queries.last_transaction(connection, shard=self.shard, after=after, limit=TRANSACTIONS) or END
            span: dict[str, Any] = {"shard": self.shard, "after": after, "last": last, "postings_max": AT_ONCE_MAX}
            self.findings += await names.findings(queries.journal_findings(connection, **span))
            self.lots += await names.findings(queries.made_findings(connection, **span))
            ids = {"shard": self.shard, "after": after, "last": last}
            self.adjustments += await names.findings(queries.adjustment_findings(connection, **ids))
            async for row in queries.journal_sums(connection, **span, since=since):
                if row["account"] is None:
                    self.postings += int(row["amount"])
                else:
                    sums[row["account"]] = sums.get(row["account"], 0) + int(row["amount"])
            after = last
        await self._checkpoints(connection, names, sums)
        await self._slices(connection, names, sums, since)

    async def _checkpoints(self, connection: LongRead, names: Names, sums: dict[int, int]) -> None:
        kept = {row["account"]: int(row["posted"]) async for row in queries.checkpoints(connection, shard=self.shard)}
        self.checkpoints += [
            Finding(
                "CHECKPOINT_DIFFERS",
                self.shard,
                await names.account(account),
                str(kept.get(account, 0)),
                str(sums.get(account, 0)),
            )
            for account in sorted(kept.keys() | sums.keys())
            if kept.get(account, 0) != sums.get(account, 0)
        ]

    async def _slices(self, connection: LongRead, names: Names, sums: dict[int, int], since: str) -> None:
        """Of each account that ever had a credit limit: the limit that was set last, plus all entries."""
        async for row in queries.slices(connection, shard=self.shard, since=since):
            account, limit = row["account"], row["credit_limit"]
            available = None if limit is None else limit + sums.get(account, 0) + int(row["tail"])
            kept, expected = _left(row["kept_limit"], row["kept_available"]), _left(limit, available)
            if kept != expected:
                self.slices.append(Finding("SLICE_DIFFERS", self.shard, await names.account(account), kept, expected))


def _left(credit_limit: int | None, available: Any) -> str:
    return "no credit limit" if credit_limit is None else f"{int(available)} left of {credit_limit}"
