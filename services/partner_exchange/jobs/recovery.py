"""Takes up the exchanges that a crash, or a ledger that did not answer, left under way."""

from __future__ import annotations

import time
from datetime import timedelta

from guerdon_kit.saga import Records, RecoveryLoop
from partner_exchange.operations.progress import Progress
from partner_exchange.store import exchanges

LEASE = timedelta(seconds=30)
"""How long one turn at an exchange may take."""

DELAY_MAX = timedelta(minutes=1)
"""The longest pause between two turns at an exchange whose outcome stays unknown."""


def recovery(progress: Progress) -> RecoveryLoop[str]:
    """The job."""

    async def advance(exchange_id: str) -> None:
        await progress.drive(exchange_id, time.monotonic() + LEASE.total_seconds())

    return RecoveryLoop(
        "exchanges",
        progress.database,
        progress.clock,
        Records(exchanges.claim, exchanges.put_off),
        advance,
        lease=LEASE,
        most_delay=DELAY_MAX,
    )
