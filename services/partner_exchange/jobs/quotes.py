"""Deletes quotes whose time is long over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from partner_exchange.operations.quotes import Quotes

EVERY = timedelta(hours=1)


async def prune_quotes(quotes: Quotes, keep: timedelta) -> None:
    """A job: deletes quotes that expired longer ago than `keep`, at each hour, until it is cancelled."""
    while True:
        await quotes.prune(keep)
        await asyncio.sleep(EVERY.total_seconds())
