"""Counting what the ledger records, and making the statements of a month final once it is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from recognition.operations.billing import Billing
from recognition.operations.journal import Journal
from recognition.store import journal as store

_log = structlog.get_logger(__name__)


_MOST_DELAY = timedelta(minutes=1)


def counting(
    database: Database, clock: Clock, operations: Journal, poll: timedelta, lease: timedelta
) -> RecoveryLoop[str]:
    """The loop over the programs whose transactions are to be counted."""
    return RecoveryLoop(
        "journal",
        database,
        clock,
        Records(store.claim, store.put_off),
        operations.count,
        poll=poll,
        lease=lease,
        most_delay=_MOST_DELAY,
    )


async def close_statements(billing: Billing, poll: timedelta) -> None:
    """A job: looks at each `poll` for months that are over for good. Any number of workers may run it."""
    while True:
        try:
            await billing.close_due()
        except Unavailable as error:
            _log.warning("billing_waits", error=str(error))
        await asyncio.sleep(poll.total_seconds())
