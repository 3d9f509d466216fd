"""Wakes those of this process who wait until owners are told something: one look for all of them, where each that
looked by itself would cost a statement twice a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Database
from guerdon_kit.webhooks import told as store

ANYBODY = ""
"""In an owner's place: whoever waits for what any of them is told."""
_LOOK_EVERY_S = 0.1

_log = structlog.get_logger(__name__)


class News:
    """Who waits. To be woken is a hint: who waits looks by itself, now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def of(self, owner_id: str) -> Iterator[asyncio.Event]:
        """Set whenever the owner has been told something: clear it, look, and then wait for it."""
        told = asyncio.Event()
        self._waiting.setdefault(owner_id, set()).add(told)
        try:
            yield told
        finally:
            self._waiting[owner_id].discard(told)
            if not self._waiting[owner_id]:
                del self._waiting[owner_id]

    def wake(self, *owner_ids: str) -> None:
        """Wakes those who wait for one of the owners, or for anybody; without owners all."""
        for owner_id in (*owner_ids, ANYBODY) if owner_ids else tuple(self._waiting):
            for told in self._waiting.get(owner_id, ()):
                told.set()

    async def watch(self) -> None:
        """A job: looks until it is cancelled."""
        last: int | None = None
        while True:
            try:
                async with self._database.acquire() as connection:
                    if last is None:
                        last = await store.newest(connection)
                    found = await store.told_after(connection, last)
            except Unavailable:
                _log.warning("news_wait")
            else:
                if found:
                    last = max(found.values())
                    self.wake(*found)
            await asyncio.sleep(_LOOK_EVERY_S)
