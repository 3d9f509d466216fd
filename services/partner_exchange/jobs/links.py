"""Forgets codes of links that nobody used, and the names that came with them."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.retention import repeat
from partner_exchange.store import links

EVERY = timedelta(minutes=10)


async def prune_link_codes(database: Database, clock: Clock) -> None:
    """A job: forgets codes whose time is over, every ten minutes."""

    async def prune() -> None:
        async with database.acquire() as connection:
            await links.prune_codes(connection, clock.now())

    await repeat(prune, EVERY)
