"""Books what the clock has done: expired lots, lapsed holds, matured lots. It may run late, and on several workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database, load_queries
from ledger.operations.commit import Committer
from ledger.operations.work import Sweep
from ledger.store.directory import Directory

queries = load_queries("ledger")

AT_ONCE = 500
POSTINGS_AT_ONCE = 1000
"""At the end of a year an account may have hundreds of lots that expire together: five hundred such accounts in one
batch would hold its locks for longer than anybody waits for them.
"""
DEADLINE_S = 30.0


async def run(database: Database, directory: Directory, committer: Committer, clock: Clock, every_s: float) -> None:
    """Sweeps for as long as the process lives."""
    while True:
        async with database.acquire() as connection:
            shards = [row["shard"] async for row in queries.shards(connection)]
        found = 0
        for shard in shards:
            found += await sweep(database, directory, committer, clock, shard)
        if found < AT_ONCE:
            await asyncio.sleep(every_s)


async def sweep(database: Database, directory: Directory, committer: Committer, clock: Clock, shard: int) -> int:
    """Sweeps up to `AT_ONCE` accounts of one shard; answers how many it found due."""
    async with database.acquire() as connection:
        now = await queries.clock(connection) + clock.offset()
        due = [
            (row["id"], row["due_lots"])
            async for row in queries.due_accounts(connection, shard=shard, now=now, limit=AT_ONCE)
        ]
    # One after another, and each whatever became of the one before: no account keeps the others from being swept.
    for share in shares(due):
        accounts = await directory.by_ids(shard, [id_ for id_, _ in share])
        works = [Sweep(None, accounts[id_], lots) for id_, lots in share]
        await committer.submit(works, time.monotonic() + DEADLINE_S)
    return len(due)


def shares(due: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Cuts accounts, each with its lots that are due, into batches: each has postings enough, or is the last."""
    share: list[tuple[int, int]] = []
    postings = 0
    for account, lots in due:
        share.append((account, lots))
        postings += max(1, lots)
        if postings >= POSTINGS_AT_ONCE:
            yield share
            share, postings = [], 0
    if share:
        yield share
