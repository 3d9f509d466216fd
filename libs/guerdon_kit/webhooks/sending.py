"""Sends webhooks that are due, many at once, so that an endpoint that is slow keeps no other waiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from guerdon_kit.errors import Unavailable
from guerdon_kit.webhooks.deliveries import Deliveries
from guerdon_kit.webhooks.news import ANYBODY, News
from guerdon_kit.webhooks.rules import Attempt

_log = structlog.get_logger(__name__)

_AT_ONCE = 256
_POLL_S = 0.5


async def send_webhooks(deliveries: Deliveries, news: News) -> None:
    """A job: sends what is due until it is cancelled, which also cuts short what is under way; it is sent again."""
    with news.of(ANYBODY) as told:
        await _send(deliveries, told)


async def _send(deliveries: Deliveries, told: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        under_way: set[asyncio.Task[None]] = set()
        while True:
            told.clear()
            begun = await _claimed(deliveries, _AT_ONCE - len(under_way))
            for attempt in begun:
                task = group.create_task(_made(deliveries.make, attempt))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await _pause(told, under_way if begun else set())


async def _claimed(deliveries: Deliveries, most: int) -> list[Attempt]:
    if most <= 0:
        return []
    try:
        return list(await deliveries.claim(most))
    except Unavailable:
        _log.warning("webhooks_wait")
        return []


async def _made(make: Callable[[Attempt], Awaitable[None]], attempt: Attempt) -> None:
    try:
        await make(attempt)
    except Exception as error:  # noqa: BLE001 - one webhook's failure is its own; its lease ends, and it is sent again
        _log.warning("webhook_cut_short", owner=attempt.owner, error=type(error).__name__)


async def _pause(told: asyncio.Event, under_way: set[asyncio.Task[None]]) -> None:
    """Until the next look: at once where an owner has been told something, or one that was under way is over, for more
    of its endpoint may be due.
    """
    news = asyncio.create_task(told.wait())
    try:
        pause_s = _POLL_S * random.uniform(0.5, 1.5)
        await asyncio.wait({news, *under_way}, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        news.cancel()
