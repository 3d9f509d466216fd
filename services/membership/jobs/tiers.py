"""The loops that tell when tiers change by themselves: looked at on the day, and after any downtime."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.standings import Standings
from membership.store import standings, year_ends


def turning(database: Database, clock: Clock, service: Standings) -> RecoveryLoop[int]:
    """The loop over members whose tiers may change."""
    return RecoveryLoop("tiers", database, clock, Records(standings.claim, standings.put_off), service.advance)


def ending_years(database: Database, clock: Clock, service: Standings) -> RecoveryLoop[int]:
    """The loop over programs of which a year has ended."""
    return RecoveryLoop("year_ends", database, clock, Records(year_ends.claim, year_ends.put_off), service.end_years)
