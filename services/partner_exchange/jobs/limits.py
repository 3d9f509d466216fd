"""Deletes counts of exchanges whose day or month is long over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from partner_exchange.store import usage

EVERY = timedelta(hours=1)
_KEEP = timedelta(days=62)
"""Longer than any month, and than an exchange takes to its end."""
_ROWS = 5000


async def prune_usage(database: Database, clock: Clock) -> None:
    """A job: deletes what was counted in periods that are over, at each hour, until it is cancelled."""
    while True:
        before = (clock.now() - _KEEP).date()
        deleted = _ROWS
        while deleted == _ROWS:
            async with database.transaction() as connection:
                deleted = await usage.prune(connection, before, _ROWS)
        await asyncio.sleep(EVERY.total_seconds())
