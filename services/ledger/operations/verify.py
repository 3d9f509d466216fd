"""Verification: everything recomputed from the postings and events, and what is wrong named, the first thing first."""

from __future__ import annotations

import asyncio
from asyncio import FIRST_EXCEPTION
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database, load_queries
from ledger.domain.chain import Head
from ledger.domain.model import Balance
from ledger.operations.findings import FINDINGS_MAX, Finding, Progress
from ledger.operations.verify_accounts import AccountsAudit
from ledger.operations.verify_chain import ChainAudit
from ledger.operations.verify_journal import JournalAudit
from ledger.store.balances import BalanceReader
from ledger.store.cache import BalanceCache
from ledger.store.directory import Directory
from ledger.store.long_reads import LongRead, long_read

queries = load_queries("ledger")

TOLD_EVERY_S = 0.5
"""How often a verification tells how far it is."""


class Verification:
    """Recomputes the ledger. One verification at a time runs in a process, so that however many are asked for, they
    hold three connections of the pool, and a fourth now and then; the others wait.
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
        """Verifies every shard, each in one snapshot; the last progress is `done`. It stops with the shard in which it
        has come to a hundred findings.

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
                shards |= {row["shard"] async for row in queries.sealed_shards(connection)}
            for shard in sorted(shards):
                before = progress
                told = {head.block: head for head in heads if head.shard == shard}
                async with aclosing(self._shard(shard, told)) as steps:
                    async for step in steps:
                        progress = _joined(before, step)
                        yield progress
                if progress.full:
                    break
            yield replace(progress, phase="done", done=True)

    async def _shard(self, shard: int, told: dict[int, Head]) -> AsyncGenerator[Progress]:
        """Verifies one shard: its journal, its chain and its accounts beside each other, in the same snapshot."""
        journal, chain = JournalAudit(shard), ChainAudit(shard, told)
        accounts = AccountsAudit(shard, self._clock.now(), self._cached)

        def come_to(phase: str, heads: tuple[Head, ...] = ()) -> Progress:
            # What was written before what was made of it: a posting that was changed before the balances it spoils.
            findings = journal.findings + chain.findings + journal.lots + accounts.findings
            findings += journal.adjustments + journal.checkpoints + journal.slices
            return Progress(phase, journal.postings, accounts.accounts, tuple(findings), heads)

        async with long_read(self._database) as connection:
            snapshot = await connection.snapshot()
            async with _beside(
                journal=journal.run(connection),
                chain=self._beside_it(chain.run, snapshot),
                accounts=self._beside_it(accounts.run, snapshot),
            ) as works:
                under_way = works
                while under_way and len(journal.findings) < FINDINGS_MAX:
                    yield come_to(", ".join(sorted(task.get_name() for task in under_way)))
                    ended, under_way = await asyncio.wait(under_way, timeout=TOLD_EVERY_S, return_when=FIRST_EXCEPTION)
                    for task in ended:
                        task.result()
        yield come_to("verified", () if chain.head is None else (chain.head,))

    async def _beside_it(self, run: Callable[[LongRead], Awaitable[None]], snapshot: str) -> None:
        async with long_read(self._database, snapshot) as connection:
            await run(connection)

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
async def _beside(**works: Coroutine[None, None, None]) -> AsyncIterator[set[asyncio.Task[None]]]:
    """Runs them beside each other and the block, and ends them with the block."""
    tasks = {asyncio.create_task(work, name=name) for name, work in works.items()}
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _numbers(balance: Balance) -> str:
    return (
        f"posted {balance.posted}, held {balance.held}, pending {balance.pending}, debt {balance.debt}, available "
        f"{balance.available}, earned {balance.earned}, spent {balance.spent}, version {balance.version}, "
        f"{balance.state.name}"
    )
