"""Reads in groups: while one read is out the next one collects. No waiting timer: a lone read goes out at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

GROUP_MAX = 500
"""The most keys that one read asks for."""


class Grouped(Generic[Key, Value]):
    """Turns many reads of one key into few reads of many.

    A read begins after its caller asked: nobody gets what was read before.
    """

    def __init__(self, read: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._read = read
        self._waiting: dict[Key, asyncio.Future[Value]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value:
        """The value of `key`; raises what the read raised."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        # One caller that gives up does not take the answer from the others who wait for the same key.
        return await asyncio.shield(future)

    async def _work(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[:GROUP_MAX]
                futures = {key: self._waiting.pop(key) for key in keys}
                try:
                    found = await self._read(keys)
                except Exception as error:  # noqa: BLE001 - it is every waiting caller's answer
                    for future in futures.values():
                        future.set_exception(error)
                        future.exception()  # a caller may have given up: that is no unheard failure
                    continue
                for key, future in futures.items():
                    future.set_result(found[key])
        finally:
            self._task = None
