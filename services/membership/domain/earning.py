"""What a purchase earns, and what its returns take back, by terms frozen with the purchase.

Everything here is exact: rates are rationals, and the arithmetic is on their numerators and denominators as integers,
since an import rates thousands of purchases a second and a `Fraction` costs a microsecond for each operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

AMOUNT_MAX = 10**12
"""The largest amount of a purchase, in minor units."""
AWARD_MAX = 10**13
"""The most that settings may let one purchase earn: sums of a million such purchases stay within int64."""


class Rounding(Enum):
    """What becomes of a fraction of a point. The values are stored."""

    DOWN = 1
    HALF_UP = 2


@dataclass(frozen=True, slots=True)
class EarningRule:
    """A base rule as far as it works on an amount alone; amounts in minor units.

    Nothing below `minimum_spend`; otherwise the largest multiple of `spend_increment` not above the spend, times
    `points_per_minor_unit`, rounded.
    """

    points_per_minor_unit: Fraction
    rounding: Rounding
    minimum_spend: int = 0
    spend_increment: int = 1


@dataclass(frozen=True, slots=True)
class Award:
    """Points of one purchase: by base rules, what the tier's multiplier added, what multipliers and bonuses of rules
    did.
    """

    base_points: int
    tier_points: int
    rule_points: int = 0

    @property
    def points(self) -> int:
        """All points of the award."""
        return self.base_points + self.tier_points + self.rule_points


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule and a multiplier: all that decides what an amount earns."""

    rule: EarningRule
    multiplier: Fraction
    _base: tuple[int, int] = field(init=False, repr=False, compare=False)
    _total: tuple[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        total = self.rule.points_per_minor_unit * self.multiplier
        object.__setattr__(self, "_base", self.rule.points_per_minor_unit.as_integer_ratio())
        object.__setattr__(self, "_total", total.as_integer_ratio())

    def rated_spend(self, spend: int) -> int:
        """The part of `spend` that earns: full increments; 0 below the minimum."""
        if spend < self.rule.minimum_spend:
            return 0
        return spend - spend % self.rule.spend_increment

    def points(self, spend: int) -> tuple[int, int]:
        """Base points and tier points of `spend`: F of the return rule.

        The running total is rounded, and each award is the difference it makes: so the multiplier works on the exact
        base, and base and tier part together never lose a point to rounding twice. F never falls as `spend` rises.
        """
        rated = self.rated_spend(spend)
        base_numerator, base_denominator = self._base
        total_numerator, total_denominator = self._total
        if self.rule.rounding is Rounding.DOWN:
            base = rated * base_numerator // base_denominator
            return base, rated * total_numerator // total_denominator - base
        base = (2 * rated * base_numerator + base_denominator) // (2 * base_denominator)
        total = (2 * rated * total_numerator + total_denominator) // (2 * total_denominator)
        return base, total - base

    def award(self, spend: int) -> Award:
        """What `spend` earns."""
        return Award(*self.points(spend))

    def taken(self, spend: int, returned: int, *, mild: bool = False) -> int:
        """What returns of `returned` in all take of a purchase of `spend`: F(E) less F(E - R). Where the program is
        mild and there is no minimum, at most what R alone earns: what is left below a full point is the member's gain.
        """
        strict = sum(self.points(spend)) - sum(self.points(spend - returned))
        if mild and not self.rule.minimum_spend:
            return min(strict, sum(self.points(returned)))
        return strict


def explain_award(terms: Terms, spend: int) -> str:
    """The arithmetic of an award, for people."""
    rule, award = terms.rule, terms.award(spend)
    if spend < rule.minimum_spend:
        return f"{spend} is below the minimum spend of {rule.minimum_spend}: 0 points"
    rated = terms.rated_spend(spend)
    exact = rated * rule.points_per_minor_unit
    how = "rounded down" if rule.rounding is Rounding.DOWN else "rounded half up"
    text = f"{rated} of {spend} minor units x {rule.points_per_minor_unit} = {exact}, {how}: {award.base_points} points"
    if terms.multiplier == 1:
        return text
    return (
        f"{text}; x {terms.multiplier} = {exact * terms.multiplier}, {how}: {award.points} points, "
        f"{award.tier_points} of them by the tier"
    )


def explain_return(earned: int, taken: int, taken_before: int) -> str:
    """The arithmetic of a return, for people: `taken` by all returns, this one included."""
    text = f"the purchase earned {earned}, what is kept of it {earned - taken}: {taken} points in all"
    if taken_before == 0:
        return text
    return f"{text}, {taken_before} taken before: {taken - taken_before} points now"
