"""Carrying out what a crash or a silent ledger left PENDING."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from recognition.operations.giving import Giving
from recognition.store import recognitions


def recovery(
    database: Database, clock: Clock, giving: Giving, poll: timedelta, lease: timedelta
) -> RecoveryLoop[recognitions.Key]:
    """The loop over the recognitions that are due."""

    async def advance(key: recognitions.Key) -> None:
        await giving.carry_out(key.organisation, key.recognition)

    return RecoveryLoop(
        "recognitions",
        database,
        clock,
        Records(recognitions.claim, recognitions.put_off),
        advance,
        poll=poll,
        lease=lease,
        most_delay=timedelta(minutes=1),
    )
