"""What purchases earn: by integer arithmetic where one plain rule is all there is, by stacked rules elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from membership.domain.baskets import Basket, Line, Part, parts
from membership.domain.campaigns import NOTHING_DRAWN, Budgets, Campaign, Drawn, Reached
from membership.domain.conditions import Activation, Facts, Phrase, activation
from membership.domain.gifts import Qualified
from membership.domain.levels import Levels
from membership.domain.members import Member
from membership.domain.moments import from_microseconds
from membership.domain.plans import Period as PlanPeriod
from membership.domain.plans import covering
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, PlainTerms
from membership.domain.rulebooks import InForce, Rulebook
from membership.domain.rules import BundleItem, Period, Rule, Version
from membership.domain.stacking import ONE, Candidate, Kept, Verdict, give, meet, qualified
from membership.domain.tallies import Tally
from membership.domain.wallets import Wallet

_DAY_US = 24 * 3600 * 1_000_000
COOLDOWN = 0
"""Stands for a period in `Use`."""


class Use(NamedTuple):
    """What is counted of a member's awards by one rule: points of a period that begins at `start`, or, for COOLDOWN,
    the latest event time in microseconds.
    """

    member_no: int
    rule_no: int
    period: int
    start: int


class Entry(NamedTuple):
    """A purchase to be rated. Sorts by event time, then by its place among the rows."""

    event_us: int
    place: int
    member_no: int
    amount: int


class Rated(NamedTuple):
    """An entry with what it earned at tier level `level`; `level_after` is the level that it led to."""

    entry: Entry
    level: int
    key: int | None
    """The terms of a plain rating, by `Rulebook.terms`; None where there is a `frozen` one."""
    base_points: int
    tier_points: int
    level_after: int
    rule_points: int = 0
    frozen: FrozenTerms | None = None
    tallies: tuple[Tally, ...] = ()
    """What rules that count have counted with it."""

    @property
    def points(self) -> int:
        """All points."""
        return self.base_points + self.tier_points + self.rule_points


class BoughtBefore(NamedTuple):
    """What a member bought before, less returns, in minor units; `last_us` is None where nothing ever."""

    purchases: int = 0
    spend: int = 0
    last_us: int | None = None

    def plus(self, entry: Entry) -> BoughtBefore:
        """With one more purchase."""
        last_us = entry.event_us if self.last_us is None else max(self.last_us, entry.event_us)
        return BoughtBefore(self.purchases + 1, self.spend + entry.amount, last_us)

    def days_since_last(self, event_us: int) -> int:
        """Whole days of 24 hours up to a moment; -1 where there is none."""
        return -1 if self.last_us is None else max(0, (event_us - self.last_us) // _DAY_US)


@dataclass(slots=True)
class Scene:
    """What rules other than plain ones look at: baskets by the places of entries, members by number, what was counted
    before, which is brought forward, and what campaigns may give and do give. What was bought before, brought forward
    too, the segments of members and the periods of plans that they bought are needed where a condition asks: it does
    not hold for members of whom they are not known.
    """

    baskets: Mapping[int, Basket] = field(default_factory=dict)
    members: Mapping[int, Member] = field(default_factory=dict)
    uses: dict[Use, int] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)
    bought: dict[int, BoughtBefore] = field(default_factory=dict)
    segments: Mapping[int, list[str]] = field(default_factory=dict)
    plans: Mapping[int, Sequence[PlanPeriod]] = field(default_factory=dict)
    arrived: Mapping[int, PlainTerms | FrozenTerms] = field(default_factory=dict)
    """What purchases that are rated anew were rated by when they arrived, by the places of entries: what they had of
    budgets stays so, and so does what they gave in other units and as rewards.
    """

    def keep_bought(self, entry: Entry) -> None:
        """Has a purchase known to the next of its member, also one rated plainly: rules may ask from then on."""
        if entry.member_no in self.bought:
            self.bought[entry.member_no] = self.bought[entry.member_no].plus(entry)


def rate(
    program: Program,
    book: Rulebook,
    entries: Iterable[Entry],
    points: dict[tuple[int, int], int],
    scene: Scene | None = None,
    levels: Levels | None = None,
) -> list[Rated]:
    """Rates purchases in the order of their event times, ties in the order of their places.

    `levels` are those of a program whose years do not tell them: what comes of these purchases is told by whoever turns
    days.

    `points` has what each (member_no, year) earned before, and must hold the years before those of the entries where
    something was earned in them; it is brought forward. An upgrade works from the member's next purchase on. A `scene`
    is needed where a basket is, or a rule that is not plain.
    """
    tiers, calendar = program.tier_set, program.calendar
    baskets = scene.baskets if scene else {}
    rated = []
    for entry in sorted(entries):
        year = calendar.year_of(entry.event_us // 1_000_000)
        key = (entry.member_no, year)
        earned, before = points.get(key, 0), points.get((entry.member_no, year - 1), 0)
        level = tiers.level(earned, before) if levels is None else levels.level(entry.member_no, entry.event_us)
        rules = book.at(entry.event_us)
        if rules.plain is not None and entry.place not in baskets:
            base, extra = rules.plain[level].points(entry.amount)
            earned += base + extra
            points[key] = earned
            if levels is not None:
                levels.add(entry.member_no, entry.event_us, base + extra, entry.amount)
            if scene is not None:
                scene.keep_bought(entry)
            after = tiers.level(earned, before) if levels is None else level
            rated.append(Rated(entry, level, rules.key + level, base, extra, after))
            continue
        assert scene is not None, "rules that are not plain need a scene"
        frozen = _by_rules(program, rules, entry, level, earned, scene)
        scene.keep_bought(entry)
        award = frozen.award
        earned += award.points
        points[key] = earned
        if levels is not None:
            levels.add(entry.member_no, entry.event_us, award.points, entry.amount)
        after = tiers.level(earned, before) if levels is None else level
        rated.append(Rated(entry, level, None, award.base_points, award.tier_points, after, award.rule_points, frozen))
    return rated


def uses_of(program: Program, book: Rulebook, entries: Iterable[Entry]) -> set[Use]:
    """What has to be known of before, to rate the entries."""
    zone = ZoneInfo(program.time_zone)
    return {
        use
        for entry in entries
        for version in book.at(entry.event_us).versions
        if version.rule.counts
        for use, _ in _uses(version, entry, from_microseconds(entry.event_us).astimezone(zone))
    }


def counted(program: Program, book: Rulebook, entry: Entry, frozen: FrozenTerms) -> Iterator[tuple[Use, int]]:
    """What a purchase counts towards the caps of the rules that gave something, with how much."""
    local = from_microseconds(entry.event_us).astimezone(ZoneInfo(program.time_zone))
    by_rule = {version.rule_no: version for version in book.at(entry.event_us).versions}
    for rule_no, given in frozen.by_rule():
        if rule_no in by_rule:
            for use, _ in _uses(by_rule[rule_no], entry, local):
                if use.period != COOLDOWN:
                    yield use, given


def terms_of(book: Rulebook, rated: Rated) -> PlainTerms | FrozenTerms:
    """What a purchase was rated by."""
    if rated.frozen is not None:
        return rated.frozen
    rules = book.at(rated.entry.event_us)
    assert rules.plain is not None, "what is not frozen is plain"
    [version] = rules.versions
    return PlainTerms(version.rule.rule_id, version.version, rules.plain[rated.level])


def _by_rules(program: Program, rules: InForce, entry: Entry, level: int, earned: int, scene: Scene) -> FrozenTerms:
    basket = scene.baskets.get(entry.place)
    every = parts(basket, entry.amount)
    local = from_microseconds(entry.event_us).astimezone(ZoneInfo(program.time_zone))
    member = scene.members[entry.member_no]
    facts = {**_facts(program, entry, basket, level, earned, member, local), **_known(entry, scene)}
    asking = _Asking(rules, basket, every, facts)
    reached = tuple(
        Reached(one.campaign_no, one.campaign_id, one.holds_out(program.name, member.member_id))
        for one in rules.campaigns
    )
    held_out = {one.campaign_id: Verdict.HELD_OUT for one in reached if one.held_out}
    arrived = scene.arrived.get(entry.place)
    drawn = arrived.drawn if isinstance(arrived, FrozenTerms) else NOTHING_DRAWN
    paid = _paid(rules, drawn)

    def met(refused: Mapping[str, Verdict], *, counting: bool, unit: str = "") -> list[Candidate]:
        return [
            _candidate(version, entry, local, scene.uses, asking, refused.get(version.rule.campaign), paid)
            for version in rules.versions
            if (version.rule.count is not None) is counting and (counting or version.rule.unit == unit)
        ]

    # What is counted costs nothing of a budget: awards that are reached with it do, and are asked for by themselves.
    counts = tuple(qualified(one, every, asking.eligible) for one in met(held_out, counting=True))
    out, frozen = {**dict.fromkeys(drawn.refused, Verdict.BUDGET_SPENT), **held_out}, None
    while frozen is None:
        terms = meet(met(out, counting=False), every, asking.eligible, program.tier_set.multiplier(level))
        frozen = FrozenTerms(basket, every, terms, give(terms, Kept.all_of(every)), reached, counts)
        if arrived is not None:
            frozen = _as_arrived(frozen, arrived)
        elif rules.units or rules.gives_rewards:
            others = {unit: met(out, counting=False, unit=unit) for unit in ("", *rules.units)}
            frozen = _with_others(frozen, others, asking)
        uncovered = _uncovered(rules, frozen, scene.budgets, drawn)
        if uncovered:  # each time one campaign less
            out, frozen = {**out, uncovered: Verdict.BUDGET_SPENT}, None
    drawn = _spend(rules, frozen, scene.budgets, drawn)
    if rules.counts_into:
        frozen = replace(frozen, counts_into=rules.counts_into)
    by_rule = {version.rule_no: version for version in rules.versions}
    for rule_no, given in frozen.by_rule():
        if rule_no in by_rule:  # it is not where what arrived before the rule was archived stays
            _count(by_rule[rule_no], entry, local, given, scene.uses)
    inside = scene.segments.get(entry.member_no)
    return _with_decided(rules, frozen, drawn, out, inside) if program.has_timelines else frozen


def _with_decided(
    rules: InForce, frozen: FrozenTerms, drawn: Drawn, out: Mapping[str, Verdict], inside: Sequence[str] | None
) -> FrozenTerms:
    """With what is decided by the arrival of a purchase, should it be rated anew: what it had of budgets, which
    campaigns were `out`, and, if rules ask, the segments that the member is in.
    """
    spent = [campaign_id for campaign_id, verdict in out.items() if verdict is Verdict.BUDGET_SPENT]
    asked = None if inside is None or rules.asks_segments == frozenset() else tuple(inside)
    return replace(frozen, drawn=drawn.plus({}, spent), segments=asked)


def _as_arrived(frozen: FrozenTerms, arrived: PlainTerms | FrozenTerms) -> FrozenTerms:
    """What a purchase that is rated anew gives, with what it gave in other units and as rewards when it arrived."""
    if not isinstance(arrived, FrozenTerms):
        return frozen
    return replace(frozen, wallets=arrived.wallets, rewards=arrived.rewards)


def _with_others(frozen: FrozenTerms, met: Mapping[str, Sequence[Candidate]], asking: _Asking) -> FrozenTerms:
    """What a purchase gives, with what it gives in other units and as rewards, by the rules it meets; rewards are among
    those of points. Each unit stacks by itself, and the tier's multiplier is of points.
    """
    every, wallets = frozen.parts, list[Wallet]()
    for unit, candidates in met.items():
        if unit:
            terms = meet(candidates, every, asking.eligible, ONE)
            wallets.append(Wallet(unit, terms, give(terms, Kept.all_of(every))))
    giving = ((one, one.version.rule.reward) for one in met[""] if one.version.rule.reward)
    rewards = tuple(Qualified(qualified(one, every, asking.eligible), reward) for one, reward in giving)
    return replace(frozen, wallets=tuple(wallets), rewards=rewards)


def _known(entry: Entry, scene: Scene) -> dict[str, int | str | list[str]]:
    """What conditions may look at of what a member did before, as far as it is known."""
    known: dict[str, int | str | list[str]] = {}
    bought, segments = scene.bought.get(entry.member_no), scene.segments.get(entry.member_no)
    if bought is not None:
        known["purchases.count"], known["purchases.spend"] = bought.purchases, bought.spend
        known["purchases.days_since_last"] = bought.days_since_last(entry.event_us)
    if segments is not None:
        known["member.segments"] = segments
    if entry.member_no in scene.plans:
        held = covering(scene.plans[entry.member_no], from_microseconds(entry.event_us))
        known["member.plan"] = held.plan_id if held else ""
    return known


def _uncovered(rules: InForce, frozen: FrozenTerms, budgets: Budgets, drawn: Drawn) -> str | None:
    """A campaign whose budget does not cover what it would give above what is paid for."""
    for campaign, given in _of_budgets(rules, frozen):
        asked = drawn.asks(given)
        if asked and not budgets.covers(campaign.campaign_no, asked):
            return campaign.campaign_id
    return None


def _spend(rules: InForce, frozen: FrozenTerms, budgets: Budgets, drawn: Drawn) -> Drawn:
    """Has campaigns give what they do above what is paid for; answers what is paid for then."""
    for campaign, given in _of_budgets(rules, frozen):
        if asked := drawn.asks(given):
            budgets.spend(campaign.campaign_no, asked)
        drawn = drawn.plus(given, ())
    return drawn


def _of_budgets(rules: InForce, frozen: FrozenTerms) -> Iterator[tuple[Campaign, dict[int, int]]]:
    """The campaigns with a budget that give something, with what each of their rules does, by its number."""
    for one in rules.campaigns:
        if one.budget:
            of_rules = {version.rule_no for version in rules.versions if version.rule.campaign == one.campaign_id}
            if given := {rule_no: one.measure(what) for rule_no, what in frozen.by_rule() if rule_no in of_rules}:
                yield one, given


def _paid(rules: InForce, drawn: Drawn) -> dict[int, int | None]:
    """The most that rules give for which budgets have paid, by their numbers; None where that is as much as ever."""
    if not drawn.paid:
        return {}
    by_awards = {one.campaign_id for one in rules.campaigns if one.counts_awards}
    free = {version.rule_no for version in rules.versions if version.rule.campaign in by_awards}
    return {rule_no: None if rule_no in free else points for rule_no, points in drawn.paid}


class _Asking:
    """Asks conditions about the parts of one purchase. What a line is comes into it once."""

    def __init__(self, rules: InForce, basket: Basket | None, every: tuple[Part, ...], facts: Facts) -> None:
        self._lines = basket.lines if basket else ()
        self._parts = every
        self._asked = rules.variables
        self._facts = {name: value for name, value in facts.items() if name in self._asked}
        conditions = any(version.rule.condition for version in rules.versions)
        self._purchase = activation(self._facts) if conditions else None
        self._of_line: dict[int, Activation] = {}

    def eligible(self, rule: Rule, place: int) -> int | None:
        """A rule's eligible spend of a part; None where it is left out."""
        line = self._lines[place] if place < len(self._lines) else None
        return rule.eligibility.spend(self._parts[place], line)

    def holds(self, phrase: Phrase | None, place: int) -> bool:
        """Whether a condition that looks at lines holds for a part: never for one that is none."""
        if phrase is None:
            return True
        if place >= len(self._lines):
            return False
        if place not in self._of_line:
            facts = _line_facts(self._lines[place], self._parts[place])
            asked = {name: value for name, value in facts.items() if name in self._asked}
            self._of_line[place] = activation({**self._facts, **asked})
        return phrase.holds(self._of_line[place])

    def places(self, item: BundleItem) -> tuple[int, ...]:
        """The parts of a purchase that are of a bundle's goods."""
        return tuple(place for place, line in enumerate(self._lines) if item.has(line))

    def once(self, phrase: Phrase) -> bool:
        """Whether a condition that looks at no line holds."""
        assert self._purchase is not None, "there is a condition"
        return phrase.holds(self._purchase)


def _candidate(
    version: Version,
    entry: Entry,
    local: datetime,
    uses: Mapping[Use, int],
    asking: _Asking,
    refusal: Verdict | None,
    paid: Mapping[int, int | None],
) -> Candidate:
    """A rule as the purchase meets it: its condition asked, its caps and its cooldown looked at. `refusal` is why its
    campaign gives nothing, but what a budget has `paid` for, by the numbers of rules.
    """
    rule = version.rule
    phrase = Phrase.of(rule.condition) if rule.condition else None
    caps, counted = [points for period, points in rule.caps if period is Period.PURCHASE], None
    if refusal is Verdict.BUDGET_SPENT and version.rule_no in paid:
        refusal = None
        if (most := paid[version.rule_no]) is not None:
            caps.append(most)
    for use, most in _uses(version, entry, local):
        before = uses.get(use, 0)
        if use.period == COOLDOWN:
            if use in uses and entry.event_us - before < most:  # also where it is told of late
                counted = Verdict.COOLDOWN
        else:
            caps.append(most - before)
            if most <= before:
                counted = Verdict.CAP_USED_UP
    refusal = refusal or counted
    if refusal is None and phrase is not None and not phrase.of_line and not asking.once(phrase):
        refusal = Verdict.CONDITION
    of_line = phrase if phrase is not None and phrase.of_line else None
    bundle = tuple((item.quantity, asking.places(item)) for item in rule.bundle)
    return Candidate(version, partial(asking.holds, of_line), min(caps, default=None), refusal, bundle)


def _uses(version: Version, entry: Entry, local: datetime) -> Iterator[tuple[Use, int]]:
    """What a rule counts of a member at a time, each with its cap; the cooldown in microseconds."""
    rule = version.rule
    if rule.cooldown_s:
        yield Use(entry.member_no, version.rule_no, COOLDOWN, 0), rule.cooldown_s * 1_000_000
    for period, points in rule.caps:
        if period is not Period.PURCHASE:
            yield Use(entry.member_no, version.rule_no, period, _start(period, local)), points


def _start(period: Period, local: datetime) -> int:
    """The number of the day, week, month or year that a local time lies in."""
    match period:
        case Period.DAY:
            return local.toordinal()
        case Period.WEEK:
            return (local.toordinal() - 1) // 7
        case Period.MONTH:
            return local.year * 12 + local.month
        case Period.YEAR:
            return local.year
        case _:
            return 0


def _count(version: Version, entry: Entry, local: datetime, given: int, uses: dict[Use, int]) -> None:
    for use, _ in _uses(version, entry, local):
        before = uses.get(use, 0)
        uses[use] = max(before, entry.event_us) if use.period == COOLDOWN else before + given


def _line_facts(line: Line, part: Part) -> Facts:
    """What conditions may look at of a line."""
    return {
        "line.sku": line.sku,
        "line.category": line.category,
        "line.quantity": line.quantity,
        "line.unit_price": line.unit_price,
        "line.spend": part.net,
    }


def _facts(
    program: Program, entry: Entry, basket: Basket | None, level: int, earned: int, member: Member, local: datetime
) -> dict[str, int | str | list[str]]:
    """What conditions may look at, but lines. Of a person nothing but tier, points and for how long."""
    lines = basket.lines if basket else ()
    return {
        "purchase.amount": entry.amount,
        "purchase.channel": basket.channel if basket else "",
        "purchase.store": basket.store if basket else "",
        "purchase.cashier": basket.cashier if basket else "",
        "purchase.terminal": basket.terminal if basket else "",
        "purchase.categories": sorted({line.category for line in lines if line.category}),
        "purchase.skus": sorted({line.sku for line in lines if line.sku}),
        "member.tier": program.tier_set.tier_id(level),
        "member.year_points": earned,
        "member.days": max(0, (local - member.enroll_time).days),
        "time.year": local.year,
        "time.month": local.month,
        "time.day": local.day,
        "time.hour": local.hour,
        "time.minute": local.minute,
        "time.weekday": local.isoweekday(),
        "time.date": local.date().isoformat(),
    }
