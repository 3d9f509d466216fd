"""Purchases rated once more, by draft rules, and what that comes to against what was awarded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import nsmallest
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation, InvalidField
from membership.domain.baskets import Basket
from membership.domain.levels import Levels
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.rating import BoughtBefore, Entry, Rated, Scene, Use, rate
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import RULES_MAX, Rule, Version, excessive, violations
from membership.domain.tier_policy import Walk

TIERS = ""
"""Stands for a rule's id where the multipliers of tiers gave something."""
_EPOCH_US = 0


class Bought(NamedTuple):
    """A purchase as it was recorded. Sorts by member, then by event time."""

    member_no: int
    event_us: int
    purchase_id: str
    amount: int
    points: int
    """What it was awarded."""
    rated_apart: bool
    """Whether it may have a basket."""


class Change(NamedTuple):
    """What a member was awarded, and what a draft gives for the same."""

    member_id: str
    awarded: int
    simulated: int


@dataclass(slots=True)
class Cost:
    """What a rule of a draft gave: points, and to how many purchases."""

    points: int = 0
    purchases: int = 0


@dataclass(slots=True)
class Comparison:
    """What a draft comes to so far. `named` is how many winners and losers are kept."""

    named: int
    costs: dict[str, Cost]
    """By the ids of the draft's rules, in its order."""
    purchases: int = 0
    members: int = 0
    awarded: int = 0
    simulated: int = 0
    winner_count: int = 0
    loser_count: int = 0
    winners: list[Change] = field(default_factory=list)
    losers: list[Change] = field(default_factory=list)

    def add(self, life: Life) -> None:
        """Counts what became of a member, as far as anything was replayed."""
        if not life.purchases:
            return
        self.members += 1
        self.purchases += life.purchases
        self.awarded += life.awarded
        self.simulated += life.simulated
        for rule_id, cost in life.costs.items():
            self.costs[rule_id].points += cost.points
            self.costs[rule_id].purchases += cost.purchases
        more, change = life.simulated - life.awarded, Change(life.member.member_id, life.awarded, life.simulated)
        if more > 0:
            self.winner_count += 1
            self.winners = nsmallest(self.named, [*self.winners, change], key=_most_more)
        elif more < 0:
            self.loser_count += 1
            self.losers = nsmallest(self.named, [*self.losers, change], key=_most_less)


def _most_more(change: Change) -> tuple[int, str]:
    return change.awarded - change.simulated, change.member_id


def _most_less(change: Change) -> tuple[int, str]:
    return change.simulated - change.awarded, change.member_id


class Life:
    """One member's purchases under a draft, in the order of their event times."""

    def __init__(self, program: Program, draft: Rulebook, member: Member, start_us: int | None) -> None:
        """What was bought before `start_us` counts for tiers as it was awarded."""
        self.member = member
        self.purchases = self.awarded = self.simulated = 0
        self.costs: dict[str, Cost] = {}
        self._program, self._draft, self._start_us = program, draft, start_us or _EPOCH_US
        self._points: dict[tuple[int, int], int] = {}
        self._uses: dict[Use, int] = {}
        self._bought = {member.member_no: BoughtBefore()}
        policy, calendar = program.settings.tier_policy, program.calendar
        walk = Walk(program.tier_set, policy, calendar.day_at(member.enroll_time), {})
        self._levels = None if policy.plain else Levels(policy, calendar, {member.member_no: walk})

    def go_on(self, bought: Sequence[Bought], baskets: Mapping[str, Basket]) -> None:
        """Rates further purchases of the member, which come in their order."""
        for one in bought:
            if one.event_us < self._start_us:
                self._was_awarded(one)
        replayed = [one for one in bought if one.event_us >= self._start_us]
        entries = [Entry(one.event_us, place, one.member_no, one.amount) for place, one in enumerate(replayed)]
        of_place = {place: baskets[one.purchase_id] for place, one in enumerate(replayed) if one.purchase_id in baskets}
        scene = Scene(of_place, {self.member.member_no: self.member}, self._uses, bought=self._bought)
        for rated in rate(self._program, self._draft, entries, self._points, scene, self._levels):
            self.simulated += rated.points
            for rule_id, points in _given(self._draft, rated):
                cost = self.costs.setdefault(rule_id, Cost())
                cost.points += points
                cost.purchases += 1
        self.purchases += len(replayed)
        self.awarded += sum(one.points for one in replayed)

    def _was_awarded(self, one: Bought) -> None:
        year = self._program.calendar.year_of(one.event_us // 1_000_000)
        key = (one.member_no, year)
        self._points[key] = self._points.get(key, 0) + one.points
        entry = Entry(one.event_us, 0, one.member_no, one.amount)
        self._bought[one.member_no] = self._bought[one.member_no].plus(entry)
        if self._levels is not None:
            self._levels.add(one.member_no, one.event_us, one.points, one.amount)


def _given(draft: Rulebook, rated: Rated) -> Iterator[tuple[str, int]]:
    """What each rule gave for a purchase, as far as it gave any."""
    if rated.frozen is not None:
        each = zip((term.rule_id for term in rated.frozen.terms), rated.frozen.points, strict=True)
    else:
        [version] = draft.at(rated.entry.event_us).versions
        each = zip((version.rule.rule_id, TIERS), (rated.base_points, rated.tier_points), strict=True)
    return ((rule_id, points) for rule_id, points in each if points)


def compare(program: Program, rules: Sequence[Rule], named: int) -> Comparison:
    """Nothing yet of a draft."""
    tiers = [TIERS] if program.settings.tiers else []
    return Comparison(named, {rule_id: Cost() for rule_id in (*(rule.rule_id for rule in rules), *tiers)})


def drafted(program: Program, rules: Sequence[Rule], now: datetime) -> Rulebook:
    """Draft rules, as if they had always been in force, those of campaigns too.

    Raises:
        InvalidField: a bound is not kept, a condition does not compile, or a rule counts: what it gives is a bonus
            beside purchases, and not part of what they were awarded.
    """
    if not 1 <= len(rules) <= RULES_MAX:
        raise InvalidField.of("earning_rules", f"must be 1 to {RULES_MAX}")
    found = [
        replace(one, field=f"earning_rules[{place}].{one.field}")
        for place, rule in enumerate(rules)
        for one in (*violations(rule), *excessive(rule, [tier.multiplier for tier in program.settings.tiers]))
    ]
    for place, rule in enumerate(rules):
        if rule.count is not None:
            found.append(FieldViolation(f"earning_rules[{place}].count", "is not simulated: leave such rules out"))
    if len({rule.rule_id for rule in rules}) < len(rules):
        found.append(FieldViolation("earning_rules", "must have different names"))
    if found:
        raise InvalidField(found)
    always = [replace(rule, campaign="") for rule in rules]
    versions = [Version(number, 1, number, rule, False, _EPOCH_US, now) for number, rule in enumerate(always, start=1)]
    return Rulebook(versions, program.settings.tiers)
