"""Takes up the reversals that a crash, or a silent ledger, left under way."""

from __future__ import annotations

import time
from datetime import timedelta

from guerdon_kit.saga import Records, RecoveryLoop
from partner_exchange.domain.exchanges import UNKNOWN_LASTS
from partner_exchange.operations.reversals import Reversals
from partner_exchange.store import reversals

_LEASE = timedelta(seconds=15)
_ADVANCE_S = 12.0
"""How long one reversal may wait for the ledger; less than the lease, so that it ends by itself."""


def reversal_recovery(service: Reversals) -> RecoveryLoop[str]:
    """The job. It waits longer and longer, at last until nothing that was asked before can be under way: then a refusal
    that the ledger does not keep counts.
    """

    async def advance(reversal_id: str) -> None:
        await service.drive(reversal_id, time.monotonic() + _ADVANCE_S)

    return RecoveryLoop(
        "reversals",
        service.database,
        service.clock,
        Records(reversals.claim, reversals.put_off),
        advance,
        lease=_LEASE,
        most_delay=UNKNOWN_LASTS * 2,
    )
