"""What a redemption costs: points, or points and money; and a range in which steps of points become money or value.

Everything is counted in whole points and whole minor units, so what each step costs is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from guerdon_kit.errors import FieldViolation, InvalidField
from rewards_catalog.domain.kinds import MAX_CASH, Cash, cash_violations

MAX_POINTS = 2**53
"""The largest price: the ledger's bound of one posting."""


@dataclass(frozen=True, slots=True)
class PointsRange:
    """From `min_points` up to the price, in steps of `step_points`; each step fewer costs `step_cash` instead, or makes
    the value so much less.
    """

    min_points: int
    step_points: int
    step_cash: Cash


@dataclass(frozen=True, slots=True)
class Price:
    """So many points and, besides, `cash`; with a range, fewer points and more money. Where points buy a `value`, fewer
    points buy less of it, and cost no money instead. Where there is `any_from`, any number of points from that one up
    to `points` will do.
    """

    points: int
    cash: Cash | None
    points_range: PointsRange | None
    value: Cash | None = None
    any_from: int = 0

    @property
    def least_points(self) -> int:
        """The fewest points that it can be had for."""
        if self.points_range is not None:
            return self.points_range.min_points
        return self.any_from or self.points

    def cash_due(self, points: int) -> Cash | None:
        """The money to pay beside so many points; None: none.

        Raises:
            InvalidField: one cannot pay so many.
        """
        instead = self._instead(points)
        if instead is None or self.value is not None:
            return self.cash
        return Cash(instead.minor_units + (self.cash.minor_units if self.cash else 0), instead.currency)

    def value_due(self, points: int) -> Cash | None:
        """The value that so many points buy; None: they buy none.

        Raises:
            InvalidField: one cannot pay so many.
        """
        instead = self._instead(points)
        if instead is None or self.value is None:
            return self.value
        return Cash(self.value.minor_units - instead.minor_units, self.value.currency)

    def _instead(self, points: int) -> Cash | None:
        """What the points that are left out come to; None where none are."""
        left_out = self.points - points
        if not left_out or 0 < self.any_from <= points < self.points:
            return None
        steps = self.points_range
        if steps is None:
            least = f"one of {self.any_from} up to " if self.any_from else ""
            raise InvalidField.of("points", f"must be 0 or {least}the price, which is {self.points}")
        if not steps.min_points <= points < self.points or left_out % steps.step_points:
            bounds = f"{steps.min_points} to {self.points}, in steps of {steps.step_points}"
            raise InvalidField.of("points", f"must be 0 or one of {bounds}")
        return Cash(left_out // steps.step_points * steps.step_cash.minor_units, steps.step_cash.currency)


def violations(price: Price) -> Iterator[FieldViolation]:
    """Every bound of the price that is broken, by the field's path."""
    if not 1 <= price.points <= MAX_POINTS:
        yield FieldViolation("reward.price", "must be between 1 and 2^53")
        return
    broken = list(cash_violations(price.cash, "reward.cash")) if price.cash else []
    if price.points_range is not None:
        broken += _range_violations(price, price.points_range)
    yield from broken
    if broken:
        return
    most, least = price.cash_due(price.least_points), price.value_due(price.least_points)
    if most and most.minor_units > MAX_CASH:
        yield FieldViolation("reward.points_range.step_cash", "must come to at most 2^53 minor units, `cash` included")
    if least and least.minor_units < 1 and price.points_range:
        yield FieldViolation("reward.points_range.step_cash", "must leave something of the value")


def _range_violations(price: Price, steps: PointsRange) -> Iterator[FieldViolation]:
    path = "reward.points_range"
    if not 1 <= steps.min_points < price.points:
        yield FieldViolation(f"{path}.min_points", "must be at least 1 and less than the price")
    elif steps.step_points < 1 or (price.points - steps.min_points) % steps.step_points:
        yield FieldViolation(f"{path}.step_points", "must lead from the price to min_points in whole steps")
    yield from cash_violations(steps.step_cash, f"{path}.step_cash")
    if {money.currency for money in (price.cash, price.value) if money} - {steps.step_cash.currency}:
        yield FieldViolation(f"{path}.step_cash", "must be in the currency of `cash`, and of the value")
