"""Birthdays and anniversaries: looked for once a day of each program's zone."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.occasions import Occasions
from membership.store import occasions as store


def occasions(database: Database, clock: Clock, service: Occasions) -> RecoveryLoop[store.Key]:
    """The loop over the occasions that are due."""
    return RecoveryLoop("occasions", database, clock, Records(store.claim, store.put_off), service.advance)
