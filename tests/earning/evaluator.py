"""An evaluator of earning rules written from the specification alone: the contract's words, docs/explanation/earning.md
and ADR 22. Plain `Fraction`s over the contract's messages; nothing of the service is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from guerdon.membership.v1.basket_pb2 import Award, Basket, BasketLine, Tender
from guerdon.membership.v1.program_pb2 import Program
from guerdon.membership.v1.purchase_pb2 import Purchase
from guerdon.membership.v1.rule_pb2 import ROUNDING_DOWN, Cap, EarningRule
from guerdon.type.v1.rational_pb2 import Rational
from tests.earning.conditions import LINE, PURCHASE, Facts

TIER = ""
VISIT = -1
"""What a rule per visit works on, besides the places of parts."""
BASES = ("points_per_minor_unit", "points_per_item", "points_per_line", "points_per_visit")


class Part(NamedTuple):
    """A line, shipping, tax, or the amount of a purchase without lines; in minor units."""

    what: str
    line: BasketLine | None
    gross: int
    net: int
    by_points: int
    by_cards: int

    @property
    def pieces(self) -> int:
        return self.line.quantity if self.line is not None else 0


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Exact quotas, rounded down; what is left goes to the greatest remainders, of equal ones to the earlier."""
    if not amount:
        return [0 for _ in weights]
    quotas = [Fraction(amount * weight, sum(weights)) for weight in weights]
    shares = [math.floor(quota) for quota in quotas]
    order = sorted(range(len(weights)), key=lambda place: (shares[place] - quotas[place], place))
    for place in order[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def parts_of(purchase: Purchase) -> list[Part]:
    """What a purchase consists of, and what of it was paid by what."""
    amount = purchase.amount.minor_units
    if not purchase.HasField("basket"):
        return [Part("amount", None, amount, amount, 0, 0)]
    basket: Basket = purchase.basket
    gross = [line.quantity * line.unit_price for line in basket.lines]
    after = [whole - line.discount for whole, line in zip(gross, basket.lines, strict=True)]
    net = [a - b for a, b in zip(after, largest_remainder(sum(basket.order_discounts), after), strict=True)]
    open_, paid = [*net, basket.shipping, basket.tax], dict[int, list[int]]()
    for means in (Tender.MEANS_POINTS, Tender.MEANS_GIFT_CARD):
        tendered = sum(tender.minor_units for tender in basket.tenders if tender.means == means)
        on_lines = min(tendered, sum(open_[:-2]))
        on_shipping = min(tendered - on_lines, open_[-2])
        spread = largest_remainder(on_lines, open_[:-2])
        paid[means] = [*spread, on_shipping, tendered - on_lines - on_shipping]
        open_ = [a - b for a, b in zip(open_, paid[means], strict=True)]
    names = [*(("line", line) for line in basket.lines), ("shipping", None), ("tax", None)]
    every = [
        Part(what, line, *amounts)
        for (what, line), *amounts in zip(
            names,
            [*gross, basket.shipping, basket.tax],
            [*net, basket.shipping, basket.tax],
            paid[Tender.MEANS_POINTS],
            paid[Tender.MEANS_GIFT_CARD],
            strict=True,
        )
    ]
    return [part for part in every if part.what == "line" or part.net]


def eligible(rule: EarningRule, part: Part) -> int | None:
    """The spend of a part that a rule works on; None where the part is left out."""
    says = rule.eligibility
    if (part.what == "tax" and not says.earn_on_tax) or (part.what == "shipping" and not says.earn_on_shipping):
        return None
    if part.line is not None and (
        part.line.category in says.excluded_categories or part.line.sku in says.excluded_skus
    ):
        return None
    spend = part.gross if says.before_discount else part.net
    return max(0, spend - part.by_points - (0 if says.earn_on_gift_cards else part.by_cards))


def rate_of(rule: EarningRule) -> Fraction:
    outcome = rule.WhichOneof("outcome")
    assert outcome is not None
    if outcome == "bonus_points":
        return Fraction(rule.bonus_points)
    rational: Rational = getattr(rule, outcome)
    return Fraction(rational.numerator, rational.denominator)


@dataclass
class Kept:
    """What of a purchase did not come back: the share of each part's spend, and the pieces."""

    shares: list[Fraction]
    pieces: list[int]


@dataclass
class Met:
    """A rule as it met a purchase: what it works on, and why it gives nothing, if so."""

    rule: EarningRule | None
    """None is the tier."""
    rate: Fraction
    spends: dict[int, int] = field(default_factory=dict)
    works_on: list[int] = field(default_factory=list)
    left: int | None = None
    """What its caps leave it."""
    why_not: set[Award.Verdict.ValueType] = field(default_factory=set)

    @property
    def outcome(self) -> str:
        return "multiplier" if self.rule is None else self.rule.WhichOneof("outcome") or ""

    @property
    def is_base(self) -> bool:
        return self.outcome in BASES

    @property
    def rule_id(self) -> str:
        return TIER if self.rule is None else self.rule.name.rpartition("/")[2]

    def offer(self, place: int, parts: Sequence[Part]) -> Fraction:
        """What a base rule would give for a part, unrounded."""
        each = {
            "points_per_minor_unit": self.spends[place],
            "points_per_item": parts[place].pieces,
            "points_per_line": 1,
        }
        return self.rate * each[self.outcome]

    def exactly(self, places: Iterable[int], kept: Kept) -> Fraction:
        """What a base rule gives exactly for what is kept of some parts."""
        assert self.rule is not None
        if self.outcome == "points_per_visit":
            return self.rate if any(kept.shares) else Fraction(0)
        if self.outcome == "points_per_item":
            return self.rate * sum(kept.pieces[place] for place in places)
        if self.outcome == "points_per_line":
            return self.rate * sum(kept.shares[place] > 0 for place in places)
        spend = sum((self.spends[place] * kept.shares[place] for place in places), Fraction(0))
        step = self.rule.spend_increment or 1
        return self.rate * step * math.floor(spend / step)

    def minimum_reached(self, kept: Kept) -> bool:
        least = 0 if self.rule is None else self.rule.minimum_spend
        return sum(spend * kept.shares[place] for place, spend in self.spends.items()) >= least

    def bundle_there(self, parts: Sequence[Part], pieces: Sequence[int]) -> bool:
        """Whether so many pieces of the parts have all kinds of goods of the bundle, each on its own."""
        if self.rule is None:
            return True
        return all(
            sum(
                have
                for part, have in zip(parts, pieces, strict=True)
                if part.line is not None
                and (part.line.sku == item.sku if item.sku else part.line.category == item.category)
            )
            >= (item.quantity or 1)
            for item in self.rule.bundle
        )


@dataclass
class Rated:
    """A purchase with the rules as they met it, frozen."""

    parts: list[Part]
    met: list[Met]
    """In the order in which awards are made: base rules, the tier, multipliers, bonuses."""
    points: dict[str, int] = field(default_factory=dict)

    def everything(self) -> Kept:
        return Kept([Fraction(1) for _ in self.parts], [part.pieces for part in self.parts])

    @property
    def may_rise(self) -> bool:
        """Whether what is kept may earn a point more when more comes back: only where a capped multiplier meets lines
        that are rounded one by one.
        """
        live = [met for met in self.met if not met.why_not]
        return any(met.rule is not None and met.rule.round_each_line for met in live) and any(
            met.outcome == "multiplier" and met.left is not None for met in live
        )

    def give(self, kept: Kept, *, capped: bool = True, bonuses: bool = True) -> dict[str, int]:
        """Points by rule id for what is kept."""
        points = {met.rule_id: 0 for met in self.met}
        live = [
            met
            for met in self.met
            if not met.why_not and met.minimum_reached(kept) and met.bundle_there(self.parts, kept.pieces)
        ]
        left = {met.rule_id: met.left if capped else None for met in live}
        for rounding, exact in self._totals(live, kept).items():
            running, before = Fraction(0), 0
            for met in live:
                if met.rule_id not in exact:
                    continue
                most, given = left[met.rule_id], exact[met.rule_id]
                running += given if most is None else min(given, Fraction(most))
                now = math.floor(running if rounding[1] == ROUNDING_DOWN else running + Fraction(1, 2))
                points[met.rule_id] += now - before
                left[met.rule_id] = None if most is None else most - (now - before)
                before = now
        for met in live if bonuses else ():
            most = left[met.rule_id]
            if met.outcome == "bonus_points" and any(kept.shares[place] for place in met.works_on):
                points[met.rule_id] = int(met.rate) if most is None else min(int(met.rate), most)
        return points

    def _totals(self, live: list[Met], kept: Kept) -> dict[tuple[int | None, int], dict[str, Fraction]]:
        """The exact points of each rule for each total that is rounded by itself: of the order, or of a line whose
        base rule rounds each line; by way of rounding.
        """
        totals: dict[tuple[int | None, int], dict[str, Fraction]] = {}
        for base in (met for met in live if met.is_base):
            assert base.rule is not None
            by_line = base.rule.round_each_line and base.outcome != "points_per_visit"
            for places in [[place] for place in base.works_on] if by_line else [base.works_on]:
                total = totals.setdefault((places[0] if by_line else None, base.rule.rounding), {})
                total[base.rule_id] = base.exactly(places, kept)
                for times in (met for met in live if met.outcome == "multiplier"):
                    shared = [place for place in places if place in times.works_on]
                    if shared:
                        more = (times.rate - 1) * base.exactly(shared, kept)
                        total[times.rule_id] = total.get(times.rule_id, Fraction(0)) + more
        return totals


class Earlier(NamedTuple):
    """What a rule gave a member before."""

    rule_id: str
    local: datetime
    points: int


class Member:
    """One member of a program: its purchases rated in the order in which they are told of."""

    def __init__(self, program: Program) -> None:
        self._tiers = program.tiers
        self._awards: list[Earlier] = []
        self._years: dict[int, int] = {}

    def buys(self, purchase: Purchase, rules: Sequence[EarningRule], local: datetime) -> Rated:
        """Rates a purchase of a local time by the rules in force then, in the order in which they were made."""
        year = self._years.get(local.year, 0)
        best = max(year, self._years.get(local.year - 1, 0))
        reached = [tier for tier in self._tiers if tier.threshold <= best]
        parts = parts_of(purchase)
        facts = {
            "purchase": purchase,
            "tier": reached[-1].tier_id if reached else "",
            "year_points": year,
            "local": local,
        }
        met = [self._meet(rule, parts, local, facts) for rule in rules]
        self._best_bases(met, parts)
        tier = (
            Met(None, Fraction(reached[-1].multiplier.numerator, reached[-1].multiplier.denominator))
            if reached
            else None
        )
        if tier is not None:
            tier.spends = dict.fromkeys(range(len(parts)), 0)
            if tier.rate == 1:
                tier = None
        self._multiply([*([tier] if tier else []), *(one for one in met if one.outcome == "multiplier")], met)
        bases = [one for one in met if one.is_base]
        others = [one for one in met if one.outcome == "multiplier"]
        last = [one for one in met if one.outcome == "bonus_points"]
        rated = Rated(parts, [*bases, *([tier] if tier else []), *others, *last])
        rated.points = rated.give(rated.everything())
        self._awards += [
            Earlier(rule_id, local, points) for rule_id, points in rated.points.items() if points and rule_id
        ]
        self._years[local.year] = year + sum(rated.points.values())
        return rated

    def _meet(self, rule: EarningRule, parts: list[Part], local: datetime, facts: Facts) -> Met:
        met = Met(rule, rate_of(rule))
        there = {place: spend for place, part in enumerate(parts) if (spend := eligible(rule, part)) is not None}
        if rule.condition in LINE:
            lines = [part.line for part in parts]
            there = {
                place: spend
                for place, spend in there.items()
                if (line := lines[place]) is not None and LINE[rule.condition](line, parts[place].net)
            }
            if not there:
                met.why_not.add(Award.VERDICT_CONDITION)
        elif rule.condition and not PURCHASE[rule.condition](facts):
            met.why_not.add(Award.VERDICT_CONDITION)
        met.spends, met.works_on = there, list(there)
        if met.outcome == "points_per_minor_unit":
            met.works_on = [place for place, spend in there.items() if spend]
        elif met.outcome in {"points_per_item", "points_per_line"}:
            met.works_on = [place for place in there if parts[place].what == "line"]
        if not met.bundle_there(parts, [part.pieces for part in parts]):
            met.why_not.add(Award.VERDICT_BUNDLE_INCOMPLETE)
        if not met.works_on:
            met.why_not.add(Award.VERDICT_NOTHING_ELIGIBLE)
        if sum(there.values()) < rule.minimum_spend:
            met.why_not.add(Award.VERDICT_BELOW_MINIMUM)
        self._remember(met, local)
        return met

    def _remember(self, met: Met, local: datetime) -> None:
        """What caps leave, and whether the cooldown is over."""
        rule = met.rule
        assert rule is not None
        given = [award for award in self._awards if award.rule_id == met.rule_id]
        latest = max((award.local for award in given), key=datetime.timestamp, default=None)
        if latest is not None and rule.HasField("cooldown"):
            over = latest.timestamp() + timedelta(seconds=rule.cooldown.seconds).total_seconds()
            if local.timestamp() < over:
                met.why_not.add(Award.VERDICT_COOLDOWN)
        for cap in rule.caps:
            used = 0
            if cap.period != Cap.PERIOD_PURCHASE:
                same = PERIODS[cap.period]
                used = sum(award.points for award in given if same(award.local) == same(local))
            met.left = min(cap.points - used, met.left if met.left is not None else cap.points)
        if met.left is not None and met.left <= 0:
            met.why_not.add(Award.VERDICT_CAP_USED_UP)

    def _best_bases(self, met: Sequence[Met], parts: list[Part]) -> None:
        """For each line the best base rule wins, of equal ones the first made; a visit stands against all lines."""
        bases = [one for one in met if one.is_base and not one.why_not]
        won: dict[int, list[int]] = {id(one): [] for one in bases}
        total = Fraction(0)
        for place in range(len(parts)):
            offers = [
                (one.offer(place, parts), one) for one in bases if one.outcome != BASES[-1] and place in one.works_on
            ]
            if offers:
                best = max(offer for offer, _ in offers)
                total += best
                won[id(next(one for offer, one in offers if offer == best))].append(place)
        visits = [one for one in bases if one.outcome == BASES[-1]]
        if visits:
            highest = max(one.rate for one in visits)
            if highest > total:
                won = {id(one): [] for one in bases} | {id(next(v for v in visits if v.rate == highest)): [VISIT]}
        for one in bases:
            one.works_on = won[id(one)]
            if not one.works_on:
                one.why_not.add(Award.VERDICT_OUTBID)

    def _multiply(self, multipliers: Sequence[Met], met: Sequence[Met]) -> None:
        """Where several multipliers meet they add up; an exclusive one counts alone where it is more than their sum."""
        targets = sorted({place for one in met if one.is_base and not one.why_not for place in one.works_on})
        works_on: dict[int, list[int]] = {id(one): [] for one in multipliers}
        for place in targets:
            here = [one for one in multipliers if not one.why_not and (place == VISIT or place in one.spends)]
            together = [one for one in here if one.rule is None or not one.rule.exclusive]
            total = 1 + sum((one.rate - 1 for one in together), Fraction(0))
            alone = [one for one in here if one.rule is not None and one.rule.exclusive and one.rate > total]
            if alone:
                highest = max(one.rate for one in alone)
                together = [next(one for one in alone if one.rate == highest)]
            for one in together:
                works_on[id(one)].append(place)
        for one in (one for one in multipliers if not one.why_not):
            reaches = any(place == VISIT or place in one.spends for place in targets)
            one.works_on = works_on[id(one)]
            if not one.works_on:
                one.why_not.add(Award.VERDICT_EXCLUDED if reaches else Award.VERDICT_NOTHING_ELIGIBLE)


PERIODS: Mapping[Cap.Period.ValueType, Callable[[datetime], object]] = {
    Cap.PERIOD_DAY: datetime.date,
    Cap.PERIOD_WEEK: lambda local: local.isocalendar()[:2],
    Cap.PERIOD_MONTH: lambda local: (local.year, local.month),
    Cap.PERIOD_YEAR: lambda local: local.year,
    Cap.PERIOD_EVER: lambda _local: None,
}
