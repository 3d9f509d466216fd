"""Finishing, or undoing, the redemptions and the goodwill that a crash or a silent ledger left on their way."""

from __future__ import annotations

import time
from datetime import timedelta

from guerdon_kit.saga import Records, RecoveryLoop
from rewards_catalog.operations.goodwill import Giving
from rewards_catalog.operations.progress import Progress
from rewards_catalog.store import redemptions, support

_LEASE = timedelta(seconds=15)
_ADVANCE_S = 12.0
"""How long one may wait for the ledger and for a provider; less than the lease, so that it ends by itself, and more
than a provider may take at most."""


def recovery(progress: Progress) -> RecoveryLoop[tuple[str, str]]:
    """The loop over the redemptions that are due."""

    async def advance(redemption: tuple[str, str]) -> None:
        found = await progress.read(*redemption)
        await progress.drive(found, time.monotonic() + _ADVANCE_S)

    return RecoveryLoop(
        "redemptions",
        progress.database,
        progress.clock,
        Records(redemptions.claim, redemptions.put_off),
        advance,
        lease=_LEASE,
        most_delay=timedelta(minutes=1),
    )


def goodwill_recovery(giving: Giving) -> RecoveryLoop[support.Key]:
    """The loop over the goodwill that is due."""

    async def advance(goodwill: support.Key) -> None:
        await giving.drive(goodwill, time.monotonic() + _ADVANCE_S)

    return RecoveryLoop(
        "goodwill",
        giving.database,
        giving.clock,
        Records(support.claim, support.put_off),
        advance,
        lease=_LEASE,
        most_delay=timedelta(minutes=1),
    )
