"""Which balances have just changed, as the workers tell each other through the cache's Redis.

What is told may be lost, and may be of another ledger that shares the server: it says where to look, never what is
there. Whoever listens looks at everything now and then.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

CHANNEL = "guerdon:balances:changed"
MESSAGES_MAX = 1_000
"""The most messages that are read at once: the next look goes on."""


def encode(accounts: Iterable[int]) -> bytes:
    """The ids of accounts, 8 bytes each."""
    ids = list(accounts)
    return struct.pack(f">{len(ids)}q", *ids)


def decode(data: bytes) -> tuple[int, ...]:
    """The ids of accounts; none of what is not ours."""
    return struct.unpack(f">{len(data) // 8}q", data[: len(data) // 8 * 8])


class Changes:
    """Hears of changes while somebody wants to."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._subscription: Any = None

    async def next(self, within_s: float) -> set[int]:
        """The accounts that were told of, as soon as some are; none when the time is over or Redis is away."""
        until = time.monotonic() + within_s
        try:
            return await self._heard(within_s)
        except (RedisError, OSError, TimeoutError):
            await self.stop()
            await asyncio.sleep(max(0.0, until - time.monotonic()))
            return set()

    async def stop(self) -> None:
        """Hears no more, until the next `next`."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(RedisError, OSError, TimeoutError):
                await subscription.aclose()

    async def _heard(self, within_s: float) -> set[int]:
        if self._subscription is None:
            self._subscription = self._redis.pubsub(ignore_subscribe_messages=True)
            await self._subscription.subscribe(CHANNEL)
        found: set[int] = set()
        wait_s = within_s
        for _ in range(MESSAGES_MAX):
            message = await self._subscription.get_message(timeout=wait_s)
            if message is None and wait_s == 0:
                break
            if message is not None:
                found |= set(decode(message["data"]))
                wait_s = 0
            elif not found:
                break
        return found
