"""How often those look who send events on, or take them in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

_SHARE = 10
_MOST_S = 0.25
_LIVELY_S = 2.0
"""Longer than nearly every transaction takes from its last event to its commit."""


def rest_s(took_s: float, least_s: float) -> float:
    """How long to rest after a turn that took so many seconds: nine times as long, at least `least_s` and at most a
    quarter of a second.

    A turn costs nearly as much for one event as for a hundred. Where turns take long, as on a busy machine, there are
    fewer and larger ones, and the events take at most a tenth of the time from the calls that they tell of.
    """
    return max(least_s, min((_SHARE - 1) * took_s, _MOST_S))


class Rest:
    """How the relay of an outbox rests: until this process writes an event, or `idle_s` where it writes none and only
    others may; and for two seconds after one, in which it is to be committed, no longer than any turn needs.
    """

    _all: ClassVar[set[Rest]] = set()
    """Of the relays that run in this process."""

    def __init__(self, least_s: float, idle_s: float) -> None:
        self._least_s = least_s
        self._idle_s = idle_s
        self._stirred = asyncio.Event()
        self._lively_until = 0.0

    @classmethod
    def stir_all(cls) -> None:
        """Tells the relays of this process that an event was written, and is still to be committed."""
        for one in cls._all:
            one.stir()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While a relay runs, it is told."""
        self._all.add(self)
        try:
            yield
        finally:
            self._all.discard(self)

    def stir(self) -> None:
        """Something is there, or will be soon."""
        self._lively_until = asyncio.get_running_loop().time() + _LIVELY_S
        self._stirred.set()

    async def after(self, took_s: float) -> None:
        """Rests after a turn of so many seconds."""
        if asyncio.get_running_loop().time() < self._lively_until:
            await asyncio.sleep(rest_s(took_s, self._least_s))
            return
        self._stirred.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._idle_s):
                await self._stirred.wait()
