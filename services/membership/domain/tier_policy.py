"""How members qualify for tiers: what counts, over which time, how long a tier is kept and what follows then.

Days are ordinals of the program's local dates (`datetime.date.toordinal`), so that the length of a day never matters.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation
from membership.domain.calendar import plus_months
from membership.domain.tiers import TierSet

COUNTED_AFTER_DAYS_MAX = 366
GRACE_DAYS_MAX = 180
"""Less than half a year: a grace ends before the next period does."""


class Metric(IntEnum):
    """What counts. The values are stored."""

    POINTS = 1
    """Points that purchases earned."""
    SPEND = 2
    """Minor units."""
    VISITS = 3
    """Purchases that did not come back as a whole."""


class Period(IntEnum):
    """The time over which it counts. The values are stored."""

    CALENDAR_YEAR = 1
    ROLLING_YEAR = 2
    """The twelve months up to each day."""
    MEMBER_YEAR = 3
    """From one anniversary of joining to the next; 29 February is kept on the 28th."""


class Downgrade(IntEnum):
    """What follows when a tier is not kept. The values are stored."""

    TO_LEVEL_EARNED = 1
    ONE_LEVEL = 2
    """But not below the level earned."""
    NEVER = 3


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """How a program's tiers are reached and kept.

    A tier is reached as soon as enough has counted within the period. It is kept until the end of the next period
    (of a rolling year: for twelve months), counted from the last day on which what counted was enough for it; and
    `grace_days` longer. Then `downgrade` says which level follows; that one is kept for a period likewise.
    """

    metric: Metric = Metric.POINTS
    period: Period = Period.CALENDAR_YEAR
    counted_after_days: int = 0
    """A purchase counts this many days after its own, as if it had been made then: once it cannot come back."""
    downgrade: Downgrade = Downgrade.TO_LEVEL_EARNED
    grace_days: int = 0

    @property
    def plain(self) -> bool:
        """Whether sums by calendar year tell the level: no single days are kept then."""
        return self == PLAIN

    def violations(self) -> Iterator[FieldViolation]:
        """The bounds that are not kept."""
        if not 0 <= self.counted_after_days <= COUNTED_AFTER_DAYS_MAX:
            yield FieldViolation("program.tier_policy.counted_after_days", "must be between 0 and 366")
        if not 0 <= self.grace_days <= GRACE_DAYS_MAX:
            yield FieldViolation("program.tier_policy.grace_days", "must be between 0 and 180")

    def period_of(self, day: int, joined: int) -> tuple[int, int]:
        """The first day of the calendar or member's year that `day` lies in, and that of the next."""
        year = date.fromordinal(day).year
        if self.period is Period.CALENDAR_YEAR:
            return date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()
        begun = date.fromordinal(joined)
        months = 12 * (year - begun.year)
        if plus_months(begun, months).toordinal() > day:
            months -= 12
        return plus_months(begun, months).toordinal(), plus_months(begun, months + 12).toordinal()

    def first_counted(self, last: int, at: int, joined: int) -> int:
        """The first day that counts together with the day `last`; a rolling year is the one up to `at`."""
        if self.period is not Period.ROLLING_YEAR:
            return self.period_of(last, joined)[0]
        first = plus_months(date.fromordinal(at), -12).toordinal() + 1
        while plus_months(date.fromordinal(first), 12).toordinal() <= at:  # 29 February counts no longer than the 28th
            first += 1
        return first

    def next_end(self, end: int, joined: int) -> int:
        """Until when what is held on the day `end`, on which a period begins, is kept."""
        if self.period is Period.ROLLING_YEAR:
            return plus_months(date.fromordinal(end), 12).toordinal()
        return self.period_of(end, joined)[1]

    def kept_until(self, day: int, joined: int) -> int:
        """Until when a tier is kept for which enough has counted on `day`: the first day without it."""
        if self.period is Period.ROLLING_YEAR:
            return self.next_end(day, joined)
        return self.next_end(self.period_of(day, joined)[1], joined)

    def dropped(self, level: int, earned: int) -> int:
        """The level that follows `level` where only `earned` was reached again."""
        return max(earned, level - 1) if self.downgrade is Downgrade.ONE_LEVEL else earned


PLAIN = TierPolicy()


class Held(NamedTuple):
    """A level, and the day from which it is not kept unless it is prolonged; None where it is never lost."""

    level: int
    end: int | None


class Walk:
    """One member's levels through the days, as `credits_` count: from the first day on, forwards only."""

    __slots__ = ("_days", "_floor", "_joined", "_next", "_policy", "_tiers", "_values", "day", "held")

    def __init__(self, tiers: TierSet, policy: TierPolicy, joined: int, credits_: dict[int, int]) -> None:
        """`credits_` are amounts by the day of the purchase. A day of which nothing is left is none."""
        self._tiers, self._policy, self._joined = tiers, policy, joined
        self._days = sorted(day + policy.counted_after_days for day, amount in credits_.items() if amount)
        self._values = [credits_[day - policy.counted_after_days] for day in self._days]
        self._next = 0  # of the credits, the first that has not counted
        self._floor = tiers.level(0, 0)
        self.held = Held(self._floor, None)
        self.day = 0

    def to(self, day: int) -> Held:
        """What is held on `day`, all that counts on it included; not before the day that was asked for last."""
        assert day >= self.day, "a walk goes forwards"
        while (following := self.next_change()) is not None and following <= day:
            if following == self._turn():
                self._drop(following)
            else:
                self._next += 1
                self._reach(following, following)
        self.day = day
        return self.held

    def add(self, day: int, amount: int) -> None:
        """Has a purchase of `day` count: not before the day that was asked for last."""
        counted = day + self._policy.counted_after_days
        at = bisect_left(self._days, counted)
        if at < len(self._days) and self._days[at] == counted:
            self._values[at] += amount
        else:
            self._days.insert(at, counted)
            self._values.insert(at, amount)
        self._next = min(self._next, at)

    def next_change(self) -> int | None:
        """The next day on which something counts or the tier's time is over, as far as is known by now."""
        counts = self._days[self._next] if self._next < len(self._days) else None
        turn = self._turn()
        if counts is None or turn is None:
            return turn if counts is None else counts
        return min(counts, turn)

    def counted(self, day: int) -> int:
        """What counts on `day` towards a tier."""
        return self._sum(self._policy.first_counted(day, day, self._joined), day)

    def waiting(self, day: int) -> int:
        """What is known on `day` and will count later."""
        return sum(self._values[bisect_right(self._days, day) :])

    def _turn(self) -> int | None:
        return None if self.held.end is None else self.held.end + self._policy.grace_days

    def _reach(self, last: int, at: int) -> None:
        """Looks on the day `at` at what counted up to `last`: it upgrades, or prolongs, or is not enough."""
        earned = self._earned(last, at)
        if earned < self.held.level or earned == self._floor:
            return
        if self._policy.downgrade is Downgrade.NEVER:
            self.held = Held(earned, None)
            return
        end = self._policy.kept_until(last, self._joined)
        if earned == self.held.level and self.held.end is not None:
            end = max(end, self.held.end)
        self.held = Held(earned, end)

    def _drop(self, day: int) -> None:
        end = self.held.end
        assert end is not None, "only what ends is lost"
        level = self._policy.dropped(self.held.level, self._earned(end - 1, end))
        self.held = Held(level, self._policy.next_end(end, self._joined) if level > self._floor else None)
        self._reach(day - 1, day)  # what counted in the days of grace

    def _earned(self, last: int, at: int) -> int:
        return self._tiers.level(self._sum(self._policy.first_counted(last, at, self._joined), last), 0)

    def _sum(self, first: int, last: int) -> int:
        return sum(self._values[bisect_left(self._days, first) : bisect_right(self._days, last)])
