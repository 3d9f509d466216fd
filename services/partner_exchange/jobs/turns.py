"""Asks remote partners again, each in turns of its own: one that is slow has only what it is asked wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.saga import Claim, Records, RecoveryLoop

LEASE = timedelta(seconds=15)
ADVANCE_S = 12.0
"""How long one exchange may wait for the ledger or a partner; less than the lease, so that it ends by itself."""
_LOOK_EVERY_S = 0.5

_log = structlog.get_logger(__name__)


class Asked(Protocol):
    """What remote partners are asked about: `store/exchanges.py`, or `store/reversals.py`."""

    async def partners_due(self, connection: Connection, now: datetime) -> Sequence[str]:
        """The remote partners that are due to be asked something."""

    async def claim_asked(
        self, asked: str, connection: Connection, now: datetime, lease_end: datetime, most: int
    ) -> Sequence[Claim[str]]:
        """Takes up to `most` that one partner is due to be asked, for the lease."""

    async def put_off(self, connection: Connection, record_id: str, due_time: datetime, /) -> None:
        """Has it taken again at `due_time`."""


@dataclass(frozen=True)
class PartnerTurns:
    """The job."""

    what: str
    database: Database
    clock: Clock
    records: Asked
    advance: Callable[[str], Awaitable[None]]

    async def run(self) -> None:
        """Runs until it is cancelled."""
        turns: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for partner_id in await self._due():
                    if partner_id not in turns or turns[partner_id].done():
                        turns[partner_id] = group.create_task(self._turn(partner_id))
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _due(self) -> Sequence[str]:
        try:
            async with self.database.acquire() as connection:
                return await self.records.partners_due(connection, self.clock.now())
        except Unavailable:
            _log.warning("recovery_waits", loop="partners")
            return ()

    async def _turn(self, partner_id: str) -> None:
        loop = RecoveryLoop(
            f"{self.what} of {partner_id}",
            self.database,
            self.clock,
            Records(partial(self.records.claim_asked, partner_id), self.records.put_off),
            self.advance,
            lease=LEASE,
            most_delay=timedelta(minutes=1),
        )
        try:
            await loop.turn()
        except Unavailable:
            return  # looked at again soon
