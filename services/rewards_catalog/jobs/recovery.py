"""Finishing, or undoing, the redemptions and the goodwill that a crash or a silent ledger left on their way."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim, Records, RecoveryLoop
from rewards_catalog.operations.goodwill import Giving
from rewards_catalog.operations.progress import Progress
from rewards_catalog.store import redemptions, support

Key = tuple[str, str]
"""Program and redemption."""
Claiming = Callable[[Connection, datetime, datetime, int], Awaitable[Sequence[Claim[Key]]]]
_LEASE = timedelta(seconds=15)
_ADVANCE_S = 12.0
"""How long one may wait for the ledger and for a provider; less than the lease, so that it ends by itself, and more
than a provider may take at most."""


def recovery(progress: Progress) -> RecoveryLoop[Key]:
    """The loop over the redemptions that are due."""
    return _loop("redemptions", progress, redemptions.claim)


def asking_again(progress: Progress) -> RecoveryLoop[Key]:
    """The loop over those whose providers, or whose coalition, are to be asked again. One of its own: a provider that
    does not answer keeps only the like waiting, and nobody's points.
    """
    return _loop("unknown fulfilments", progress, redemptions.claim_unknown)


def _loop(name: str, progress: Progress, claim: Claiming) -> RecoveryLoop[Key]:
    async def advance(redemption: Key) -> None:
        found = await progress.read(*redemption)
        await progress.drive(found, time.monotonic() + _ADVANCE_S)

    return RecoveryLoop(
        name,
        progress.database,
        progress.clock,
        Records(claim, redemptions.put_off),
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
