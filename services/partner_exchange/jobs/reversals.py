"""Takes up the reversals that a crash, a silent ledger or a silent partner left under way."""

from __future__ import annotations

import time

from guerdon_kit.saga import Records, RecoveryLoop
from partner_exchange.domain.exchanges import UNKNOWN_LASTS
from partner_exchange.jobs.turns import ADVANCE_S, LEASE, PartnerTurns
from partner_exchange.operations.reversals import Reversals
from partner_exchange.store import reversals


def reversal_recovery(service: Reversals) -> RecoveryLoop[str]:
    """The job: reversals that wait for the ledger. It waits longer and longer, at last until nothing that was asked
    before can be under way: then a refusal that the ledger does not keep counts.
    """

    async def advance(reversal_id: str) -> None:
        await service.drive(reversal_id, time.monotonic() + ADVANCE_S, alone=True)

    return RecoveryLoop(
        "reversals",
        service.database,
        service.clock,
        Records(reversals.claim, reversals.put_off),
        advance,
        lease=LEASE,
        most_delay=UNKNOWN_LASTS * 2,
    )


def asking_to_reverse(service: Reversals) -> PartnerTurns:
    """The job: reversals that wait for a remote partner."""

    async def advance(reversal_id: str) -> None:
        await service.drive(reversal_id, time.monotonic() + ADVANCE_S, alone=True)

    return PartnerTurns("reversals", service.database, service.clock, reversals, advance)
