"""The levels of members whose tiers go by single days: for rating, and for telling what changes.

Only programs whose policy is not plain have them: where points count by calendar years, two sums tell the level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from membership.domain.calendar import Calendar
from membership.domain.moments import from_microseconds
from membership.domain.tier_policy import Held, Metric, TierPolicy, Walk
from membership.domain.tiers import Progress, TierSet, progress_at


@dataclass(frozen=True, slots=True)
class Levels:
    """The walks of those whose purchases are rated; `added` is what the purchases add, by member and day."""

    policy: TierPolicy
    calendar: Calendar
    walks: dict[int, Walk]
    added: dict[tuple[int, int], int] = field(default_factory=dict)

    def level(self, member_no: int, event_us: int) -> int:
        """The level that a purchase of that moment is rated by; a member's purchases come in their order."""
        return self.walks[member_no].to(self._day(event_us)).level

    def add(self, member_no: int, event_us: int, points: int, amount: int) -> None:
        """Has a rated purchase count."""
        day, counts = self._day(event_us), counted_of(self.policy, points, amount)
        if counts:
            self.walks[member_no].add(day, counts)
            self.added[member_no, day] = self.added.get((member_no, day), 0) + counts

    def _day(self, event_us: int) -> int:
        return self.calendar.day_at(from_microseconds(event_us))


def counted_of(policy: TierPolicy, points: int, amount: int, *, visit: bool = True) -> int:
    """What a purchase, or a return, of so many points and minor units comes to; `visit` tells whether it is one, or
    takes one back.
    """
    if policy.metric is Metric.POINTS:
        return points
    return amount if policy.metric is Metric.SPEND else int(visit)


class Told(NamedTuple):
    """What was told of a member last: the level, until when it is kept, and the day up to which all is told."""

    level: int
    end: int | None
    day: int


class Turn(NamedTuple):
    """A change to be told: what is held from `day` on."""

    day: int
    level_before: int
    held: Held

    def kind(self, tiers: TierSet) -> str:
        """The event's word for it."""
        if self.held.level == self.level_before:
            return "prolonged"
        if self.held.level > self.level_before:
            return "upgraded" if tiers.tier_id(self.level_before) else "joined"
        return "downgraded" if tiers.tier_id(self.held.level) else "left"


def catch_up(walk: Walk, told: Told, today: int) -> tuple[Told, list[Turn], int | None]:
    """What is to be told up to today, in the order of the days, what is told then, and the day to look again.

    That a tier is kept for longer is told once the time is over until which it was told to be kept.
    """
    turns = []
    day: int | None = max(told.day, walk.day)
    while day is not None and day <= max(today, told.day):
        held = walk.to(day)
        over = told.end is not None and told.end <= day
        if held.level != told.level or (over and held.end != told.end):
            turns.append(Turn(day, told.level, held))
            told = Told(held.level, held.end, day)
        day = _next_look(walk, told)
    return told._replace(day=max(today, told.day)), turns, day


def _next_look(walk: Walk, told: Told) -> int | None:
    change = walk.next_change()
    if told.end is None or told.end <= walk.day:
        return change
    return told.end if change is None else min(change, told.end)


def walked(walk: Walk, tiers: TierSet, calendar: Calendar, day: int) -> Progress:
    """The standing on a day."""
    level, end = walk.to(day)
    end_time = None if end is None else calendar.start_of_day(end)
    return progress_at(tiers, level, end_time, walk.counted(day), walk.waiting(day))
