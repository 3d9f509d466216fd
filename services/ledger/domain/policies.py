"""What a program grants, and what it wants two people for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

EVERY_OTHER_UNIT = 0
"""Stands for the units that no limit is for."""
GRACE_MAX = timedelta(days=366)
LIMITS_MAX = 100


@dataclass(frozen=True, slots=True)
class Policies:
    """A program's policies. Without any, nobody needs a second person, and nothing that has expired lives again."""

    adjustment_limits: Mapping[int, int] = field(default_factory=dict)
    """How much of a unit, by its number, one person may adjust in one transaction."""
    restored_lot_grace: timedelta = timedelta(0)
    """How long points live that a reversal gives back after they have expired, counted from the reversal."""

    def limit(self, unit: int) -> int | None:
        """How much of a unit one person may adjust in one transaction; None: any amount."""
        return self.adjustment_limits.get(unit, self.adjustment_limits.get(EVERY_OTHER_UNIT))


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A change of a program's policies, as it is stored."""

    number: int
    policies: Policies
    """What they are from then on."""
    actor: str
    record_time: datetime
