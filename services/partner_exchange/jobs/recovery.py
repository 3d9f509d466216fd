"""Takes up the exchanges that a crash, or a silent ledger, left under way."""

from __future__ import annotations

import time
from datetime import timedelta

from guerdon_kit.saga import Records, RecoveryLoop
from partner_exchange.operations.progress import Progress
from partner_exchange.store import exchanges

_LEASE = timedelta(seconds=15)
_ADVANCE_S = 12.0
"""How long one exchange may wait for the ledger; less than the lease, so that it ends by itself."""


def recovery(progress: Progress) -> RecoveryLoop[str]:
    """The job."""

    async def advance(exchange_id: str) -> None:
        await progress.drive(exchange_id, time.monotonic() + _ADVANCE_S)

    return RecoveryLoop(
        "exchanges",
        progress.database,
        progress.clock,
        Records(exchanges.claim, exchanges.put_off),
        advance,
        lease=_LEASE,
        most_delay=timedelta(minutes=1),
    )
