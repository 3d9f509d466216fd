"""Deletes counts of bonuses whose period is long over."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.retention import HOURLY, delete_in_steps, repeat
from partner_exchange.store import bonus_usage

_KEEP = timedelta(days=400)
"""Longer than a year, and than an exchange takes to its end."""


async def prune_bonuses(database: Database, clock: Clock) -> None:
    """A job: deletes what was counted in periods that are over, at each hour."""

    async def delete(connection: Connection, most: int) -> int:
        return await bonus_usage.prune(connection, (clock.now() - _KEEP).date(), most)

    await repeat(partial(delete_in_steps, database, delete), HOURLY)
