"""Verification: everything recomputed from the postings and events, and what is wrong named.

Each shard is read in one snapshot, a few thousand accounts at a time, so that it runs beside the daily load.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database, load_queries
from ledger.domain.model import Account, Balance
from ledger.store.balances import BalanceReader
from ledger.store.cache import BalanceCache
from ledger.store.directory import Directory
from ledger.store.long_reads import LongRead, long_read

queries = load_queries("ledger")

CHUNK = 4_000
TRANSACTIONS = 20_000
FINDINGS_MAX = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    reason: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification is, and what it has found so far."""

    phase: str
    postings: int = 0
    accounts: int = 0
    findings: tuple[Finding, ...] = ()
    done: bool = False

    @property
    def full(self) -> bool:
        """Whether enough was found to stop."""
        return len(self.findings) >= FINDINGS_MAX


class Verification:
    """Recomputes the ledger. One verification at a time runs in a process, so that however many are asked for, they
    hold one connection of the pool; the others wait.
    """

    def __init__(
        self, database: Database, directory: Directory, reader: BalanceReader, cache: BalanceCache, clock: Clock
    ) -> None:
        self._database = database
        self._directory = directory
        self._reader = reader
        self._cache = cache
        self._clock = clock
        self._running = asyncio.Lock()

    async def run(self) -> AsyncGenerator[Progress]:
        """Verifies every shard; the last progress is `done`. It stops at the first hundred findings.

        Whoever comes while another verification runs is told that it is `waiting`.

        Raises:
            Unavailable: PostgreSQL is away, or a statement took longer than ten minutes.
        """
        if self._running.locked():
            yield Progress("waiting")
        async with self._running:
            progress = Progress("starting")
            async with self._database.acquire() as connection:
                shards = [row["shard"] async for row in queries.shards(connection)]
            async with aclosing(self._shards(shards, progress)) as steps:
                async for step in steps:
                    progress = step
                    yield progress
                    if progress.full:
                        break
            yield replace(progress, phase="done", done=True)

    async def _shards(self, shards: Sequence[int], progress: Progress) -> AsyncGenerator[Progress]:
        for shard in shards:
            async with aclosing(self._shard(shard, progress)) as steps:
                async for step in steps:
                    progress = step
                    yield progress

    async def _shard(self, shard: int, progress: Progress) -> AsyncGenerator[Progress]:
        async with long_read(self._database) as connection:
            found = await self._findings(queries.checkpoint_findings(connection, shard=shard))
            progress = replace(progress, phase="checkpoints", findings=_joined(progress, found))
            yield progress
            after = 0
            while last := await queries.last_transaction(connection, shard=shard, after=after, limit=TRANSACTIONS):
                rows = queries.transaction_findings(connection, shard=shard, after=after, last=last)
                found = await self._findings(rows, "transactions")
                progress = replace(progress, phase="transactions", findings=_joined(progress, found))
                yield progress
                after = last
            after = 0
            while ids := [
                row["id"] async for row in queries.member_ids(connection, shard=shard, after=after, limit=CHUNK)
            ]:
                after = ids[-1]
                progress = await self._accounts(connection, shard, ids, progress)
                yield progress

    async def _accounts(self, connection: LongRead, shard: int, ids: list[int], before: Progress) -> Progress:
        found = await self._findings(queries.entry_findings(connection, shard=shard, accounts=ids))
        now = self._clock.now()
        found += await self._findings(queries.lot_findings(connection, shard=shard, accounts=ids, now=now))
        found += await self._findings(queries.hold_findings(connection, shard=shard, accounts=ids))
        found += await self._findings(queries.lifetime_findings(connection, shard=shard, accounts=ids))
        found += await self._findings(queries.state_findings(connection, shard=shard, accounts=ids))
        found += await self._cached(list((await self._directory.by_ids(shard, ids, connection.plain)).values()))
        postings = await queries.count_postings(connection, shard=shard, accounts=ids)
        return Progress("accounts", before.postings + postings, before.accounts + len(ids), _joined(before, found))

    async def _cached(self, accounts: list[Account]) -> list[Finding]:
        """Cached balances that differ from PostgreSQL's of the same version."""
        now = self._clock.now()
        cached = {id_: balance for id_, balance in (await self._cache.read(accounts, now)).items() if balance}
        stored = await self._reader.read([balance.account for balance in cached.values()], now)
        return [
            Finding("CACHED_BALANCE_DIFFERS", balance.account.name, f"{_numbers(balance)}, not {_numbers(stored[id_])}")
            for id_, balance in cached.items()
            if balance.version > stored[id_].version
            or (balance.version == stored[id_].version and _numbers(balance) != _numbers(stored[id_]))
        ]

    async def _findings(self, found: AsyncIterator[Any], collection: str = "accounts") -> list[Finding]:
        findings: list[Finding] = []
        async for row in found:
            subject = row["name"]
            if row["program"]:
                owner = await self._directory.program_by_number(row["program"])
                subject = f"{owner.name}/{collection}/{row['name']}"
            findings.append(Finding(row["reason"], subject, row["detail"]))
        return findings


def _joined(progress: Progress, found: list[Finding]) -> tuple[Finding, ...]:
    return (progress.findings + tuple(found))[:FINDINGS_MAX]


def _numbers(balance: Balance) -> str:
    return (
        f"posted {balance.posted}, held {balance.held}, pending {balance.pending}, debt {balance.debt}, available "
        f"{balance.available}, earned {balance.earned}, spent {balance.spent}, version {balance.version}, "
        f"{balance.state.name}"
    )
