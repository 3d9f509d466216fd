"""A partner's events, as a stream that goes on where the last one ended."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Overloaded, Unavailable
from guerdon_kit.postgres import Database
from guerdon_kit.webhooks.news import News
from partner_exchange.domain.errors import CursorExpired
from partner_exchange.domain.partner_events import PartnerEvent
from partner_exchange.store import partner_events, partners

BATCH = 100
_HEARTBEAT_S = 15.0
SHARE = 10
"""How many streams one partner may have of one process: none takes them all from the others."""
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
    news: News
    _open: Counter[str] = field(default_factory=Counter)
    """How many each partner has."""
    _stopped: bool = False

    async def stream(
        self, partner_id: str, cursor: Cursor | None
    ) -> AsyncGenerator[tuple[Sequence[PartnerEvent], Cursor]]:
        """What a partner is told after the cursor, or of all that is kept; nothing, now and then, while nothing is new.

        Raises:
            NotFound: there is no such partner.
            CursorExpired: what followed the cursor may not be kept any more.
            Overloaded: there are too many streams, or too many of this partner's.
            Unavailable: the process is about to end.
        """
        if self._open.total() >= self.streams_max or self._open[partner_id] >= SHARE:
            raise Overloaded
        now = self.clock.now()
        if cursor is not None and now - cursor.time >= self.keep:
            raise CursorExpired(days=self.keep.days)
        self._open[partner_id] += 1
        try:
            async with self.database.acquire() as connection:
                await partners.get(connection, partner_id)
            async for told in self._told(partner_id, cursor.event if cursor else 0):
                yield told
        finally:
            self._open[partner_id] -= 1
            if not self._open[partner_id]:
                del self._open[partner_id]

    def stop(self) -> None:
        """Ends every stream, so that none holds up the end of the process."""
        self._stopped = True
        self.news.wake()

    async def _told(self, partner_id: str, last: int) -> AsyncGenerator[tuple[Sequence[PartnerEvent], Cursor]]:
        ends = time.monotonic() + _LASTS_S
        speaks = 0.0
        with self.news.of(partner_id) as news:
            while time.monotonic() < ends:
                news.clear()
                if self._stopped:
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
                    await _pause(news)


async def _pause(news: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_HEARTBEAT_S):
            await news.wait()
    except TimeoutError:
        return
