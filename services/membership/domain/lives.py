"""A member's purchases rated once more, by draft rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from membership.domain.baskets import Basket
from membership.domain.campaigns import Budgets
from membership.domain.counting import Key, count
from membership.domain.levels import Levels
from membership.domain.members import Member
from membership.domain.moments import from_microseconds
from membership.domain.plans import Period, covering
from membership.domain.profiles import Profile
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms
from membership.domain.rating import BoughtBefore, Entry, Rated, Scene, Use, rate
from membership.domain.rulebooks import Rulebook
from membership.domain.segments import BoughtInYear, Known, Segment, about
from membership.domain.stacking import Kept
from membership.domain.tallies import Counting, Tally
from membership.domain.tier_policy import Walk

TIERS = ""
"""Stands for a rule's id where the multipliers of tiers gave something."""


class Bought(NamedTuple):
    """A purchase as it was recorded. Sorts by member, then in the order in which it is replayed."""

    member_no: int
    record_us: int
    """0 where purchases are put into the order of their event times, whenever they are told of."""
    event_us: int
    purchase_id: str
    amount: int
    points: int
    """What it was awarded, awards for counts included."""
    rated_apart: bool
    """Whether it may have a basket."""


@dataclass(slots=True)
class Cost:
    """What a rule of a draft gave: points, or as much of another unit; rewards; and to how many purchases."""

    points: int = 0
    purchases: int = 0
    rewards: int = 0


class Gave(NamedTuple):
    """What a rule gave for a purchase."""

    rule_id: str
    points: int = 0
    amount: int = 0
    """Of another unit."""
    rewards: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What all members meet: a draft, from which event time on, with what its campaigns have left, which is brought
    forward, and the segments that conditions ask for.
    """

    program: Program
    book: Rulebook
    start_us: int
    budgets: Budgets
    segments: Sequence[Segment]


class Life:
    """One member's purchases under a draft, in the order in which they were recorded."""

    def __init__(self, trial: Trial, member: Member, profile: Profile, plans: Sequence[Period]) -> None:
        """What was bought before the trial's start counts for tiers as it was awarded."""
        self.member = member
        self.purchases = self.awarded = self.simulated = 0
        self.costs: dict[str, Cost] = {}
        self._trial, self._profile, self._plans = trial, profile, plans
        self._points: dict[tuple[int, int], int] = {}
        self._counting: dict[Key, Counting] = {}
        self._years: dict[int, BoughtInYear] = {}
        self._looked_us = -1
        uses: dict[Use, int] = {}
        bought = {member.member_no: BoughtBefore()}
        held = {member.member_no: plans}
        self._scene = Scene({}, {member.member_no: member}, uses, trial.budgets, bought, plans=held)
        policy, calendar = trial.program.settings.tier_policy, trial.program.calendar
        self._levels = None if policy.plain else Levels(policy, calendar, {member.member_no: self._walk({})})

    def buy(self, one: Bought, basket: Basket | None) -> None:
        """Rates the next purchase of the member."""
        entry = Entry(one.event_us, 0, one.member_no, one.amount)
        self._look_around(one)
        if one.event_us < self._trial.start_us:
            self._was_awarded(entry, one.points)
        else:
            self.purchases += 1
            self.awarded += one.points
            self._rate(entry, one.purchase_id, basket)
        if self._trial.segments:
            self._keep_year(one)

    def _rate(self, entry: Entry, purchase_id: str, basket: Basket | None) -> None:
        trial = self._trial
        self._scene.baskets = {} if basket is None else {0: basket}
        rated = rate(trial.program, trial.book, [entry], self._points, self._scene, self._levels)
        counted = count(trial.book, rated, {0: purchase_id}, self._counting, trial.budgets)
        self._counting = counted.counting
        for gave in _given(trial.book, counted.rated[0]):
            self.simulated += gave.points
            cost = self.costs.setdefault(gave.rule_id, Cost())
            cost.points += gave.points + gave.amount
            cost.rewards += gave.rewards
            cost.purchases += 1

    def _was_awarded(self, entry: Entry, points: int) -> None:
        key = (entry.member_no, self._trial.program.calendar.year_of(entry.event_us // 1_000_000))
        self._points[key] = self._points.get(key, 0) + points
        self._scene.keep_bought(entry)
        if self._levels is not None:
            self._levels.add(entry.member_no, entry.event_us, points, entry.amount)

    def _look_around(self, one: Bought) -> None:
        """Brings what was known when a purchase was recorded: levels, which walks tell forwards only, and segments."""
        levels, trial = self._levels, self._trial
        if levels is not None:
            day = trial.program.calendar.day_at(from_microseconds(one.event_us))
            if day < levels.walks[one.member_no].day:
                levels.walks[one.member_no] = self._walk(levels.added)
        if trial.segments and one.record_us != self._looked_us:
            self._looked_us = one.record_us
            facts = about(trial.program, self._known(one), from_microseconds(one.record_us))
            inside = [segment.segment_id for segment in trial.segments if segment.terms.holds(facts)]
            self._scene.segments = {one.member_no: inside}

    def _known(self, one: Bought) -> Known:
        """What segments may look at: the profile as it is now, the plan as it was, and all else as the draft has it."""
        program = self._trial.program
        moment = from_microseconds(one.record_us)
        year = program.calendar.year_at(moment)
        this, last = (self._points.get((one.member_no, which), 0) for which in (year, year - 1))
        if self._levels is None:
            level = program.tier_set.level(this, last)
        else:
            level = self._walk(self._levels.added).to(program.calendar.day_at(moment)).level
        bought = tuple(self._years.values()) if program.settings.purchase_statistics else ()
        tier_id, held = program.tier_set.tier_id(level), covering(self._plans, moment)
        return Known(self.member, tier_id, (this, last), self._profile, bought, held.plan_id if held else "")

    def _keep_year(self, one: Bought) -> None:
        year = self._trial.program.calendar.year_of(one.event_us // 1_000_000)
        moment = from_microseconds(one.event_us)
        before = self._years.get(year, BoughtInYear(year, 0, 0, moment))
        last_time = max(before.last_time, moment)
        self._years[year] = BoughtInYear(year, before.purchases + 1, before.spend + one.amount, last_time)

    def _walk(self, added: dict[tuple[int, int], int]) -> Walk:
        program = self._trial.program
        joined = program.calendar.day_at(self.member.enroll_time)
        credits_ = {day: amount for (_, day), amount in added.items()}
        return Walk(program.tier_set, program.settings.tier_policy, joined, credits_)


def _given(book: Rulebook, rated: Rated) -> Iterator[Gave]:
    """What each rule gave for a purchase, as far as it gave any."""
    frozen = rated.frozen
    if frozen is None:
        [version] = book.at(rated.entry.event_us).versions
        each = [Gave(version.rule.rule_id, rated.base_points), Gave(TIERS, rated.tier_points)]
    else:
        each = [Gave(term.rule_id, points) for term, points in zip(frozen.terms, frozen.points, strict=True)]
        each += [_for_count(frozen, tally) for tally in rated.tallies]
        for one in frozen.wallets:
            each += [Gave(term.rule_id, 0, amount) for term, amount in zip(one.terms, one.points, strict=True)]
        if frozen.rewards:
            each += [Gave(one.term.rule_id, rewards=1) for one in frozen.given(Kept.all_of(frozen.parts))]
    return (one for one in each if one.points or one.amount or one.rewards)


def _for_count(frozen: FrozenTerms, tally: Tally) -> Gave:
    rule_id = next(term.rule_id for term in frozen.counts if term.rule_no == tally.rule_no)
    into = frozen.into(tally.rule_no)
    if into.reward:
        return Gave(rule_id, rewards=len(tally.awards))
    return Gave(rule_id, 0, tally.points) if into.unit else Gave(rule_id, tally.points)
