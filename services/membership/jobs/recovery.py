"""The recovery loop: brings to the ledger what a crash, or a ledger that was away, left behind."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.deliveries import Deliveries
from membership.store import deliveries as store


def recovery(database: Database, clock: Clock, deliveries: Deliveries) -> RecoveryLoop[int]:
    """The loop over deliveries that are due."""
    return RecoveryLoop("deliveries", database, clock, Records(store.claim, store.put_off), deliveries.advance)
