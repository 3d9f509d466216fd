"""The loop that sends offers to the members of segments."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.sendings import Sendings
from membership.store import sendings


def sending(database: Database, clock: Clock) -> RecoveryLoop[int]:
    """The loop over offers that are to be sent."""
    service = Sendings(database, clock)
    return RecoveryLoop("offers", database, clock, Records(sendings.claim, sendings.put_off), service.advance)
