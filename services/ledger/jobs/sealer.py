"""Seals what was recorded into the hash chain of its shard, beside the daily load. Any number of workers may."""

from __future__ import annotations

import asyncio

from guerdon_kit.postgres import Database, load_queries
from ledger.domain.chain import Block, block_hash
from ledger.store import chain, plans

queries = load_queries("ledger")

BLOCK = 5_000
"""The postings, events and other changes after which a block ends, with the batch that the last of them came in."""


async def run(database: Database, every_s: float) -> None:
    """Seals for as long as the process lives."""
    while True:
        async with database.acquire() as connection:
            shards = [row["shard"] async for row in queries.shards(connection)]
        for shard in shards:
            while await seal(database, shard) >= BLOCK:
                continue
        await asyncio.sleep(every_s)


async def seal(database: Database, shard: int, most: int = BLOCK) -> int:
    """Seals the next block of a shard, unless another worker is at it; answers how many postings and events it has."""
    async with database.acquire() as connection:
        # A look without the lock, so that an idle shard costs no write.
        if await chain.next_place(connection, shard, 1) is None:
            return 0
        await queries.start_sealer(connection, shard=shard)
    async with database.transaction() as connection:
        if await queries.lock_sealer(connection, shard=shard) is None:
            return 0
        place = await chain.next_place(connection, shard, most)
        if place is None:
            return 0  # another worker has sealed it meanwhile
        span = await chain.span(connection, shard, place.first_xid, place.end_xid)
        await plans.join(connection)  # blocks differ in size by a thousandfold
        leaves = await chain.leaves(connection, shard, span)
        block = Block(
            shard,
            place.number,
            place.first_xid,
            place.end_xid,
            leaves.transactions,
            await chain.postings(connection, shard, span),
            leaves.events,
            place.now,
            place.previous,
        )
        seal = chain.Seal(block, span, block_hash(block, leaves.hashes), leaves.marks)
        assert await chain.insert(connection, seal), "two sealed one shard at once"
        return block.postings + block.events
