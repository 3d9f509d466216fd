"""Verification: everything recomputed from the postings and events, and what is wrong named, the first thing first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database, load_queries
from ledger.domain.chain import Head
from ledger.domain.model import Balance
from ledger.operations.findings import FINDINGS_MAX, Finding, Progress
from ledger.operations.verify_chain import ChainAudit
from ledger.operations.verify_shard import ShardAudit
from ledger.store.balances import BalanceReader
from ledger.store.cache import BalanceCache
from ledger.store.directory import Directory
from ledger.store.long_reads import LongRead, long_read

queries = load_queries("ledger")


class Verification:
    """Recomputes the ledger. One verification at a time runs in a process, so that however many are asked for, they
    hold two connections of the pool, and a third now and then; the others wait.
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

    async def run(self, heads: Sequence[Head] = ()) -> AsyncGenerator[Progress]:
        """Verifies every shard, each in one snapshot; the last progress is `done`. It stops at the first hundred
        findings.

        `heads` are blocks that were told earlier and must still be in the chain. Whoever comes while another
        verification runs is told that it is `waiting`.

        Raises:
            Unavailable: PostgreSQL is away, or a statement took longer than ten minutes.
        """
        if self._running.locked():
            yield Progress("waiting")
        async with self._running:
            progress = Progress("starting")
            async with self._database.acquire() as connection:
                shards = {row["shard"] async for row in queries.shards(connection)} | {head.shard for head in heads}
            async with aclosing(self._shards(sorted(shards), heads, progress)) as steps:
                async for step in steps:
                    progress = step
                    yield progress
                    if progress.full:
                        break
            yield replace(progress, phase="done", done=True)

    async def _shards(
        self, shards: Sequence[int], heads: Sequence[Head], progress: Progress
    ) -> AsyncGenerator[Progress]:
        for shard in shards:
            told = {head.block: head for head in heads if head.shard == shard}
            async with long_read(self._database) as connection, aclosing(self._shard(connection, shard, told)) as steps:
                before = progress
                async for step in steps:
                    progress = _joined(before, step)
                    yield progress

    async def _shard(self, connection: LongRead, shard: int, told: dict[int, Head]) -> AsyncGenerator[Progress]:
        """Verifies one shard. Its chain is verified at the same time over a second connection: each takes about as
        long as the other.
        """
        chain = ChainAudit(shard, told)
        journal: list[Finding] = []
        derived: list[Finding] = []
        audit = ShardAudit(connection, shard, self._clock.now(), self._cached)
        postings = accounts = 0
        async with _beside(self._chain(chain, await connection.snapshot())) as chained:
            async with aclosing(audit.run()) as steps:
                async for step in steps:
                    (journal if step.phase == "journal" else derived).extend(step.findings)
                    postings, accounts = postings + step.postings, accounts + step.accounts
                    yield Progress(step.phase, postings, accounts, tuple(journal + chain.findings + derived))
                    if len(journal) + len(derived) >= FINDINGS_MAX:
                        break
            yield Progress("chain", postings, accounts, tuple(journal + chain.findings + derived))
            await chained
            heads = () if chain.head is None else (chain.head,)
            yield Progress("chain", postings, accounts, tuple(journal + chain.findings + derived), heads)

    async def _chain(self, chain: ChainAudit, snapshot: str) -> None:
        async with long_read(self._database, snapshot) as connection:
            await chain.run(connection)

    async def _cached(self, connection: LongRead, shard: int, ids: Sequence[int]) -> list[Finding]:
        """Cached balances that differ from PostgreSQL's of the same version."""
        accounts = list((await self._directory.by_ids(shard, ids, connection.plain)).values())
        now = self._clock.now()
        cached = {id_: balance for id_, balance in (await self._cache.read(accounts, now)).items() if balance}
        stored = await self._reader.read([balance.account for balance in cached.values()], now)
        return [
            Finding(
                "CACHED_BALANCE_DIFFERS",
                shard,
                balance.account.name,
                _numbers(balance),
                _numbers(stored[id_]),
                version=balance.version,
            )
            for id_, balance in sorted(cached.items())
            if balance.version > stored[id_].version
            or (balance.version == stored[id_].version and _numbers(balance) != _numbers(stored[id_]))
        ]


def _joined(before: Progress, shard: Progress) -> Progress:
    """The progress up to a shard, and within it."""
    return Progress(
        shard.phase,
        before.postings + shard.postings,
        before.accounts + shard.accounts,
        (before.findings + shard.findings)[:FINDINGS_MAX],
        before.heads + shard.heads,
    )


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Runs `work` beside the block, and ends it with the block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _numbers(balance: Balance) -> str:
    return (
        f"posted {balance.posted}, held {balance.held}, pending {balance.pending}, debt {balance.debt}, available "
        f"{balance.available}, earned {balance.earned}, spent {balance.spent}, version {balance.version}, "
        f"{balance.state.name}"
    )
