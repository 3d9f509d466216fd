"""Which tier a member holds, and what is missing for the next."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from membership.domain.calendar import Calendar


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier: its id, the points in a calendar year that reach it, what it multiplies earnings by."""

    tier_id: str
    threshold: int
    multiplier: Fraction


class TierSet:
    """A program's tiers in ascending order. A *level* counts the tiers reached: 0 is below the first.

    The level at a moment is the one reached by the greater of the points of that calendar year so far and those of
    the year before. So a tier is reached at once and kept until the end of the next year.
    """

    __slots__ = ("_thresholds", "tiers")

    def __init__(self, tiers: Sequence[Tier]) -> None:
        self.tiers = tuple(tiers)
        self._thresholds = [tier.threshold for tier in tiers]

    def level(self, year_points: int, previous_year_points: int) -> int:
        """The level held with these points."""
        return bisect_right(self._thresholds, max(year_points, previous_year_points))

    def tier(self, level: int) -> Tier | None:
        """The tier of a level; None below the first."""
        return self.tiers[level - 1] if level else None

    def tier_id(self, level: int) -> str:
        """The id of a level's tier; empty below the first."""
        return self.tiers[level - 1].tier_id if level else ""

    def multiplier(self, level: int) -> Fraction:
        """What a level multiplies earnings by."""
        return self.tiers[level - 1].multiplier if level else Fraction(1)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a member stands at a moment; see the contract's `TierProgress`."""

    counted: int
    counting_later: int
    tier_id: str
    multiplier: Fraction
    tier_end_time: datetime | None
    next_tier_id: str
    missing_to_next_tier: int


def progress_at(tiers: TierSet, level: int, end: datetime | None, counted: int, counting_later: int = 0) -> Progress:
    """The standing of who holds `level` until `end`, with what counts for the next tier."""
    following = tiers.tiers[level] if level < len(tiers.tiers) else None
    return Progress(
        counted=counted,
        counting_later=counting_later,
        tier_id=tiers.tier_id(level),
        multiplier=tiers.multiplier(level),
        tier_end_time=end,
        next_tier_id=following.tier_id if following else "",
        missing_to_next_tier=max(following.threshold - counted, 0) if following else 0,
    )


def progress(tiers: TierSet, calendar: Calendar, year: int, year_points: int, previous_year_points: int) -> Progress:
    """The standing in `year` with the points of that year and of the one before."""
    level = tiers.level(year_points, previous_year_points)
    held = tiers.tier(level)
    end = None
    if held is not None and held.threshold > 0:
        reached_this_year = year_points >= held.threshold
        end = calendar.start_of_year(year + 2 if reached_this_year else year + 1)
    return progress_at(tiers, level, end, year_points)
