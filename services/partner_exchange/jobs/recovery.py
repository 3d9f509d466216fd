"""Takes up the exchanges that a crash, a silent ledger or a silent partner left under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim, Records, RecoveryLoop
from partner_exchange.operations.progress import Progress
from partner_exchange.store import exchanges

_LEASE = timedelta(seconds=15)
_ADVANCE_S = 12.0
"""How long one exchange may wait for the ledger or a partner; less than the lease, so that it ends by itself."""
_LOOK_EVERY_S = 0.5

_log = structlog.get_logger(__name__)

Claims = Callable[[Connection, datetime, datetime, int], Awaitable[Sequence[Claim[str]]]]


def recovery(progress: Progress) -> RecoveryLoop[str]:
    """The job: exchanges that wait for the ledger."""
    return _loop("exchanges", progress, exchanges.claim)


async def asking_again(progress: Progress) -> None:
    """A job: exchanges that wait for a remote partner, each partner's in turns of its own. One that is slow has only
    its own exchanges wait.
    """
    turns: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            for partner_id in await _due(progress):
                if partner_id not in turns or turns[partner_id].done():
                    claim = partial(exchanges.claim_asked, partner_id)
                    turns[partner_id] = group.create_task(_turn(_loop(f"exchanges of {partner_id}", progress, claim)))
            await asyncio.sleep(_LOOK_EVERY_S)


async def _due(progress: Progress) -> Sequence[str]:
    try:
        async with progress.database.acquire() as connection:
            return await exchanges.partners_due(connection, progress.clock.now())
    except Unavailable:
        _log.warning("recovery_waits", loop="partners")
        return ()


async def _turn(loop: RecoveryLoop[str]) -> None:
    try:
        await loop.turn()
    except Unavailable:
        return  # looked at again soon


def _loop(name: str, progress: Progress, claim: Claims) -> RecoveryLoop[str]:
    async def advance(exchange_id: str) -> None:
        await progress.drive(exchange_id, time.monotonic() + _ADVANCE_S, alone=True)

    return RecoveryLoop(
        name,
        progress.database,
        progress.clock,
        Records(claim, exchanges.put_off),
        advance,
        lease=_LEASE,
        most_delay=timedelta(minutes=1),
    )
