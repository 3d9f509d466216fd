"""Reading what takes minutes, in one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from guerdon_kit.postgres import Connection, Database
from ledger.store import plans

LONG_READS = "guerdon-long-read"
"""What such a transaction is called in pg_stat_activity: it writes nothing, so that nobody need wait for its end."""
STATEMENT_MAX = timedelta(minutes=10)
"""How long one statement may take, enforced by the server."""
_UNHEARD_S = STATEMENT_MAX.total_seconds() + 5
"""When a server that can no longer be heard is given up."""


class LongRead:
    """A connection as queries take it. Each of its statements has the long time-out of its own that the pool's bound
    for callers' statements would otherwise cut short.
    """

    def __init__(self, connection: Connection) -> None:
        self.plain = connection
        """The connection itself, for statements as short as any."""

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        """All rows."""
        return await self.plain.fetch(sql, *values, timeout=_UNHEARD_S)

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        """The first row, or None."""
        return await self.plain.fetchrow(sql, *values, timeout=_UNHEARD_S)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first value of the first row, or None."""
        return await self.plain.fetchval(sql, *values, timeout=_UNHEARD_S)

    async def snapshot(self) -> str:
        """The name of its snapshot, for another read of the same one while this goes on."""
        return str(await self.plain.fetchval("select pg_export_snapshot()"))


@asynccontextmanager
async def long_read(database: Database, snapshot: str | None = None) -> AsyncIterator[LongRead]:
    """One snapshot, to be read for long; the one of that name, where it is given.

    Raises:
        Unavailable: PostgreSQL is away, no connection came free in time, or a statement took longer than it may.
    """
    async with (
        database.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        if snapshot is not None:
            await connection.execute(f"set transaction snapshot '{snapshot}'")
        milliseconds = int(STATEMENT_MAX / timedelta(milliseconds=1))
        await connection.execute(
            f"set local statement_timeout = {milliseconds}; set local application_name = '{LONG_READS}'"
        )
        # One of two reads of a snapshot waits for the other.
        await connection.execute(f"set local idle_in_transaction_session_timeout = {milliseconds}")
        await plans.join(connection)
        # 100,000 changes did not fit into the 8 MB of a caller's statement, and were written to disk and read again.
        await connection.execute("set local work_mem = '64MB'")
        # Where random pages are said to cost no more than others, rows that lie all over a table are fetched in the
        # order of an index, a page for each: of 4,000,000 postings each took 14 µs so, and 8 in the order of pages.
        await connection.execute("set local random_page_cost = 4")
        yield LongRead(connection)
