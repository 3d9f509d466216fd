"""Takes up the exchanges that a crash, a silent ledger or a silent partner left under way."""

from __future__ import annotations

import time
from datetime import timedelta

from guerdon_kit.saga import Records, RecoveryLoop
from partner_exchange.jobs.turns import ADVANCE_S, LEASE, PartnerTurns
from partner_exchange.operations.progress import Progress
from partner_exchange.store import exchanges


def recovery(progress: Progress) -> RecoveryLoop[str]:
    """The job: exchanges that wait for the ledger."""

    async def advance(exchange_id: str) -> None:
        await progress.drive(exchange_id, time.monotonic() + ADVANCE_S, alone=True)

    return RecoveryLoop(
        "exchanges",
        progress.database,
        progress.clock,
        Records(exchanges.claim, exchanges.put_off),
        advance,
        lease=LEASE,
        most_delay=timedelta(minutes=1),
    )


def asking_again(progress: Progress) -> PartnerTurns:
    """The job: exchanges that wait for a remote partner."""

    async def advance(exchange_id: str) -> None:
        await progress.drive(exchange_id, time.monotonic() + ADVANCE_S, alone=True)

    return PartnerTurns("exchanges", progress.database, progress.clock, exchanges, advance)
