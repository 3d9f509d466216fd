"""The loop over points that wait for an event of their purchase."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.purchase_events import PurchaseEvents
from membership.store import awaited


def awaiting(database: Database, clock: Clock, service: PurchaseEvents) -> RecoveryLoop[awaited.Key]:
    """The loop over purchases of which something waits."""
    records = Records(awaited.claim, awaited.put_off)
    return RecoveryLoop("purchase_events", database, clock, records, service.advance)
