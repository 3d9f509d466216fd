"""Drops request records whose time is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database, load_queries

queries = load_queries("ledger")

EVERY_S = 3600.0
AT_ONCE = 5000


async def run(database: Database, clock: Clock, keep_days: int) -> None:
    """Drops old records for as long as the process lives."""
    while True:
        before = clock.now() - timedelta(days=keep_days)
        async with database.acquire() as connection:
            shards = [row["shard"] async for row in queries.shards(connection)]
        for shard in shards:
            dropped = AT_ONCE
            while dropped == AT_ONCE:
                async with database.acquire() as connection:
                    dropped = await queries.drop_requests(connection, shard=shard, before=before, limit=AT_ONCE)
        await asyncio.sleep(EVERY_S)
