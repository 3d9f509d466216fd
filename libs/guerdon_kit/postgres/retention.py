"""Deleting what its stated time is over for, a little at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from guerdon_kit.postgres.database import Connection, Database

_ROWS = 5000
HOURLY = timedelta(hours=1)


async def delete_in_steps(database: Database, delete: Callable[[Connection, int], Awaitable[int]]) -> int:
    """Calls `delete(connection, most)`, each time in its own transaction, until it deletes fewer rows than
    it may; answers how many there were. Small steps hold no lock for long.
    """
    total = 0
    while True:
        async with database.acquire() as connection:
            deleted = await delete(connection, _ROWS)
        total += deleted
        if deleted < _ROWS:
            return total


async def repeat(work: Callable[[], Awaitable[object]], every: timedelta) -> None:
    """Does the work at each `every`, until it is cancelled."""
    while True:
        await work()
        await asyncio.sleep(every.total_seconds())
