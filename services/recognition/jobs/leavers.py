"""Settling with leavers whose time is over, and with those to whom something came in since."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from recognition.operations.leavers import Leavers
from recognition.store import leavers


def settling(
    database: Database, clock: Clock, operations: Leavers, poll: timedelta, lease: timedelta
) -> RecoveryLoop[leavers.Key]:
    """The loop over the leavings that are due to be looked at."""
    return RecoveryLoop(
        "leavers",
        database,
        clock,
        Records(leavers.claim, leavers.put_off),
        operations.look,
        poll=poll,
        lease=lease,
        most_delay=timedelta(minutes=15),
    )
