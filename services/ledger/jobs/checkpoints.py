"""Moves the system accounts' checkpoints on, so that their balances need only the newest postings."""

from __future__ import annotations

import asyncio

from guerdon_kit.postgres import Database, load_queries

queries = load_queries("ledger")


async def run(database: Database, every_s: float) -> None:
    """Moves the checkpoints on for as long as the process lives."""
    while True:
        async with database.acquire() as connection:
            shards = [row["shard"] async for row in queries.shards(connection)]
        for shard in shards:
            await move(database, shard)
        await asyncio.sleep(every_s)


async def move(database: Database, shard: int) -> None:
    """Moves one shard's checkpoints to what is committed now, unless another worker is at it.

    A position is a snapshot: what it does not see was not counted, however late it commits.
    """
    async with database.transaction() as connection:
        await queries.start_checkpoint(connection, shard=shard)
        since = await queries.lock_checkpoint(connection, shard=shard)
        if since is not None:
            until = await queries.current_snapshot(connection)
            await queries.move_checkpoints(connection, shard=shard, since=since, until=until)
            await queries.set_checkpoint(connection, shard=shard, until=until)
