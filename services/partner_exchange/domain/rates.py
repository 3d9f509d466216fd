"""The terms of a pair of brands, and what one exchange by them brings.

All amounts are whole points of the sending ("send", "debited") or the receiving brand ("received"). Rates are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from fractions import Fraction

from partner_exchange.domain.fees import Fee

POINTS_MAX = 2**53
"""The largest amount on either side of one exchange, in points: what the ledger posts at most."""


class Period(Enum):
    """How long the bonuses of a member are added up until they begin anew."""

    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"


@dataclass(frozen=True, slots=True)
class BonusCap:
    """At most so many bonus points of a pair for a member in each period, however many exchanges bring them."""

    points: int
    period: Period


@dataclass(frozen=True, slots=True)
class ThresholdBonus:
    """`points` received on top for each whole `threshold` debited in one exchange (+5,000 for each 60,000)."""

    threshold: int
    points: int
    cap: BonusCap | None = None

    def on(self, debited: int) -> int:
        """The bonus points on an exchange of `debited` points by a member who had none in the period."""
        uncapped = debited // self.threshold * self.points
        return uncapped if self.cap is None else min(uncapped, self.cap.points)


@dataclass(frozen=True, slots=True)
class Promotion:
    """Better terms of a pair from `start_time` to before `end_time`. What they bring more, the funder pays for."""

    promotion_id: str
    start_time: datetime
    end_time: datetime
    funder: str | None
    """A partner's id; None: the hub."""
    rate: Fraction | None = None
    """In place of the pair's; None: the pair's."""
    bonus: ThresholdBonus | None = None
    """In place of the pair's; None: the pair's."""


@dataclass(frozen=True, slots=True)
class PairRate:
    """The terms by which `sender`'s points become `receiver`'s.

    `rate` is received points for one debited point. A debited amount is a multiple of `increment` from `minimum` to
    `maximum`. See `terms.violations` for the bounds that every published pair keeps; the arithmetic relies on them.
    """

    sender: str
    receiver: str
    rate: Fraction
    minimum: int = 1
    increment: int = 1
    maximum: int = POINTS_MAX
    bonus: ThresholdBonus | None = None
    points_fee: Fee | None = None
    """Deducted from what is received."""
    cash_fee: Fee | None = None
    arrives_within_hours: int = 0
    """What members are told; 0: at once."""
    promotions: tuple[Promotion, ...] = ()
    """By their times; no two at once."""
    promotion: Promotion | None = None
    """The one that these terms are of; None: they are the pair's own."""
    own: PairRate | None = None
    """The pair's own terms, where these are a promotion's."""

    @property
    def first_step(self) -> int:
        """The least allowed amount, in increments."""
        return -(-self.minimum // self.increment)

    @property
    def last_step(self) -> int:
        """The largest allowed amount, in increments."""
        return self.maximum // self.increment

    def bonus_for(self, debited: int) -> int:
        """The bonus points on an exchange of `debited` points."""
        return self.bonus.on(debited) if self.bonus else 0

    def converted_for(self, debited: int) -> int:
        """What the rate alone makes of an amount, rounded down."""
        return debited * self.rate.numerator // self.rate.denominator

    def received_for(self, debited: int) -> int:
        """The points received for an allowed amount, bonus included and the points fee deducted: rounded down once,
        never a point from nothing. It never falls where the amount grows.
        """
        if self.points_fee is None:
            return self.converted_for(debited) + self.bonus_for(debited)
        return max(0, (self.rate * debited - self.points_fee.exact(debited)) // 1 + self.bonus_for(debited))

    def under(self, promotion: Promotion) -> PairRate:
        """The terms while the promotion lasts."""
        return replace(
            self,
            rate=promotion.rate or self.rate,
            bonus=promotion.bonus or self.bonus,
            promotions=(),
            promotion=promotion,
            own=self,
        )

    def in_force(self, time: datetime) -> PairRate:
        """The terms at a time: those of the promotion that is on, or the pair's own."""
        on = (each for each in self.promotions if each.start_time <= time < each.end_time)
        promotion = next(on, None)
        return self if promotion is None else self.under(promotion)

    def after_bonuses(self, points: int) -> PairRate:
        """The terms for a member who has had so many bonus points of the pair in the period: less of a cap is left."""
        own = self.own.after_bonuses(points) if self.own else None
        if self.bonus is None or self.bonus.cap is None:
            return replace(self, own=own)
        cap = replace(self.bonus.cap, points=max(0, self.bonus.cap.points - points))
        return replace(self, bonus=replace(self.bonus, cap=cap), own=own)

    def variants(self) -> Iterator[PairRate]:
        """The terms of every moment: the pair's own and those of each promotion."""
        yield self
        yield from (self.under(promotion) for promotion in self.promotions)


def largest_maximum(pair: PairRate) -> int:
    """The maximum of a pair that names none: what keeps both sides within POINTS_MAX, at the best of its terms."""
    return min(min(POINTS_MAX, int(POINTS_MAX / _bound(terms))) for terms in pair.variants())


def _bound(terms: PairRate) -> Fraction:
    """Received for a debited point is never more."""
    return terms.rate + (Fraction(terms.bonus.points, terms.bonus.threshold) if terms.bonus else 0)
