"""Room for so much at once to each of several others, in one process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Lanes:
    """Counts what is under way to whom."""

    def __init__(self) -> None:
        self._under_way = Counter[Hashable]()
        self._left = asyncio.Condition()

    @asynccontextmanager
    async def one(self, key: Hashable, most: int, wait_s: float) -> AsyncIterator[bool]:
        """One more to `key`, of `most` at once; False where there is no room in so many seconds."""
        if not await self._enter(key, most, wait_s):
            yield False
            return
        try:
            yield True
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
            async with self._left:
                self._left.notify_all()

    async def _enter(self, key: Hashable, most: int, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s), self._left:
                await self._left.wait_for(lambda: self._under_way[key] < most)
        except TimeoutError:
            return False
        self._under_way[key] += 1  # nobody else runs in between
        return True
