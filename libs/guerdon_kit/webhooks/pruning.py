"""Deletes what owners were told long ago."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.retention import HOURLY, delete_in_steps, repeat
from guerdon_kit.webhooks import told


async def prune_told(database: Database, clock: Clock, keep: timedelta) -> None:
    """A job: deletes events older than `keep`, and what became of their webhooks, at each hour."""

    async def delete(connection: Connection, most: int) -> int:
        return await told.prune(connection, clock.now() - keep, most)

    await repeat(partial(delete_in_steps, database, delete), HOURLY)
