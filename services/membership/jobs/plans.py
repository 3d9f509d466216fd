"""The loop that tells when plans of paid membership have lapsed."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.plan_periods import PlanPeriods
from membership.store import plan_periods


def lapsing(database: Database, clock: Clock, service: PlanPeriods) -> RecoveryLoop[int]:
    """The loop over periods that have ended."""
    return RecoveryLoop("plans", database, clock, Records(plan_periods.claim, plan_periods.put_off), service.advance)
