"""Takes up the windows that are closed and not counted, and the settlements that a crash, a silent ledger or want of
money left under way.
"""

from __future__ import annotations

import time
from datetime import timedelta

from guerdon_kit.saga import Records, RecoveryLoop
from partner_exchange.operations.settling import Settling
from partner_exchange.store import windows

_LEASE = timedelta(seconds=30)
_ADVANCE_S = 27.0
"""How long one settlement may wait for the ledger; less than the lease, so that it ends by itself."""


def settlement_recovery(settling: Settling) -> RecoveryLoop[windows.Key]:
    """The job."""

    async def advance(key: windows.Key) -> None:
        await settling.windows.counted(*key)
        await settling.drive(*key, time.monotonic() + _ADVANCE_S)

    return RecoveryLoop(
        "settlements",
        settling.database,
        settling.clock,
        Records(windows.claim, windows.put_off),
        advance,
        lease=_LEASE,
        most_delay=timedelta(minutes=1),
    )
