"""Books what the clock has done: expired lots, lapsed holds, matured lots. It may run late, and on several workers."""

from __future__ import annotations

import asyncio
import time

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database, load_queries
from ledger.operations.commit import Committer
from ledger.operations.work import Sweep
from ledger.store.directory import Directory

queries = load_queries("ledger")

AT_ONCE = 500
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
        ids = [row["id"] async for row in queries.due_accounts(connection, shard=shard, now=now, limit=AT_ONCE)]
    if ids:
        accounts = await directory.by_ids(shard, ids)
        works = [Sweep(None, account) for account in accounts.values()]
        await committer.submit(works, time.monotonic() + DEADLINE_S)
    return len(ids)
