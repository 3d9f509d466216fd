"""The loop over rewards that rules give: it asks the catalog until that has answered."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.gifts import Gifts
from membership.store import gifts


def giving(database: Database, clock: Clock, service: Gifts) -> RecoveryLoop[gifts.Key]:
    """The loop over rewards that are due."""
    return RecoveryLoop("gifts", database, clock, Records(gifts.claim, gifts.put_off), service.advance)
