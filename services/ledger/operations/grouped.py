"""Reads in groups: while one read is out the next one collects, and it goes out once nobody more comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Generic, TypeVar

from ledger.operations.company import until_nobody_comes

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
        self._waiting: dict[Key, list[asyncio.Future[Value]]] = {}
        self._callers = 0
        """How many wait."""
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value:
        """The value of `key`; raises what the read raised."""
        # Each caller has a future of its own: one that gives up does not take the answer from the others.
        future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        self._callers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                await until_nobody_comes(lambda: self._callers, GROUP_MAX)
                keys = list(self._waiting)[:GROUP_MAX]
                taken = [(key, future) for key in keys for future in self._waiting.pop(key)]
                self._callers -= len(taken)
                try:
                    found = await self._read(keys)
                except Exception as error:  # noqa: BLE001 - it is every waiting caller's answer
                    for _, future in _undone(taken):
                        future.set_exception(error)
                else:
                    for key, future in _undone(taken):
                        future.set_result(found[key])
        finally:
            self._task = None


def _undone(
    taken: list[tuple[Key, asyncio.Future[Value]]],
) -> Iterator[tuple[Key, asyncio.Future[Value]]]:
    """Those whose callers still wait."""
    return ((key, future) for key, future in taken if not future.done())
