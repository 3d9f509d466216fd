"""What an organisation that is billed on redemption owes for a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from recognition.domain.periods import Period

SETTLING = timedelta(minutes=10)
"""How long after a month's end nothing can be recorded in it any more, whatever was under way."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """Points of a person that were redeemed (below zero: given back), as the ledger recorded it."""

    person: str
    transaction: str
    points: int
    record_time: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """What is owed for a `month`: points redeemed less points returned, at so many minor units each."""

    organisation: str
    month: Period
    final: bool
    redeemed_points: int
    returned_points: int
    minor_units: Fraction
    currency_code: str

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.organisation}/billingStatements/{self.month.name}"

    @property
    def amount(self) -> int:
        """What is owed, in minor units: rounded once, half away from zero."""
        exact = (self.redeemed_points - self.returned_points) * self.minor_units
        rounded = int(abs(exact) + Fraction(1, 2))
        return rounded if exact >= 0 else -rounded
