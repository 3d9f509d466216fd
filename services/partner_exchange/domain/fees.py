"""What an exchange costs beside its points: a fee in points, or in cash."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Fee:
    """`fixed` for each exchange and `per_point` for each debited point, at most `maximum` in all.

    Of a points fee the unit is the receiver's points; of a cash fee, minor units of the settlement currency.
    """

    fixed: int = 0
    per_point: Fraction = Fraction(0)
    maximum: int | None = None

    def exact(self, debited: int) -> Fraction:
        """The fee on an exchange of `debited` points, before it is rounded. It never grows faster than the amount."""
        due = self.fixed + self.per_point * debited
        return due if self.maximum is None else min(due, Fraction(self.maximum))

    def rounded_up(self, debited: int) -> int:
        """The fee as it is charged where it stands by itself: rounded up to a whole unit."""
        return -(-self.exact(debited) // 1)
