"""A partner's events, as a stream that goes on where the last one ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Overloaded, Unavailable
from guerdon_kit.postgres import Database
from partner_exchange.domain.errors import CursorExpired
from partner_exchange.domain.partner_events import PartnerEvent
from partner_exchange.store import partner_events, partners

BATCH = 100
_LOOK_EVERY_S = 0.5
_HEARTBEAT_S = 15.0
_LASTS_S = 300.0
"""As long as a partner's token may live: a stream outlives a key that was retired no longer than its tokens could."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a partner has been told."""

    event: int
    """The last one."""
    time: datetime
    """When that was: what was written down later is kept for as long as it says."""


@dataclass
class EventStreams:
    """The streams of one process."""

    database: Database
    clock: Clock
    keep: timedelta
    """How long events are kept."""
    streams_max: int
    _open: int = 0
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(
        self, partner_id: str, cursor: Cursor | None
    ) -> AsyncGenerator[tuple[Sequence[PartnerEvent], Cursor]]:
        """What a partner is told after the cursor, or of all that is kept; nothing, now and then, while nothing is new.

        Raises:
            NotFound: there is no such partner.
            CursorExpired: what followed the cursor may not be kept any more.
            Overloaded: there are too many streams.
            Unavailable: the process is about to end.
        """
        if self._open >= self.streams_max:
            raise Overloaded
        now = self.clock.now()
        if cursor is not None and now - cursor.time >= self.keep:
            raise CursorExpired(days=self.keep.days)
        async with self.database.acquire() as connection:
            await partners.get(connection, partner_id)
        self._open += 1
        try:
            async for told in self._told(partner_id, cursor.event if cursor else 0):
                yield told
        finally:
            self._open -= 1

    def stop(self) -> None:
        """Ends every stream, so that none holds up the end of the process."""
        self._stopped.set()

    async def _told(self, partner_id: str, last: int) -> AsyncGenerator[tuple[Sequence[PartnerEvent], Cursor]]:
        ends = time.monotonic() + _LASTS_S
        speaks = 0.0
        while time.monotonic() < ends:
            if self._stopped.is_set():
                raise Unavailable
            now = self.clock.now()  # before it looks: what is written down meanwhile comes after this cursor
            async with self.database.acquire() as connection:
                found = await partner_events.after(connection, partner_id, last, BATCH)
            if found:
                last = found[-1].id
            if found or time.monotonic() >= speaks:
                speaks = time.monotonic() + _HEARTBEAT_S
                yield found, Cursor(last, now)
            if len(found) < BATCH:
                await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._stopped.wait()
        except TimeoutError:
            return
