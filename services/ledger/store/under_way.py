"""What is under way in PostgreSQL, and its end."""

from __future__ import annotations

import asyncio

from guerdon_kit.postgres import Database, load_queries
from ledger.store.long_reads import LONG_READS

queries = load_queries("ledger")

LOOK_EVERY_S = 0.01


async def ended(database: Database) -> None:
    """Returns when every transaction has ended that was under way and may write: what it did can be seen then.

    There is no bound but the caller's: PostgreSQL ends a transaction whose statement or client takes too long.

    Raises:
        Unavailable: PostgreSQL is away.
    """
    waited_for = await _under_way(database)
    while waited_for:
        await asyncio.sleep(LOOK_EVERY_S)
        waited_for &= await _under_way(database)


async def _under_way(database: Database) -> set[str]:
    async with database.acquire() as connection:
        return {row["id"] async for row in queries.transactions_under_way(connection, long_reads=LONG_READS)}
