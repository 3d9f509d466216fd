"""How rules stack: which of them a purchase meets, and what they give for what is kept of it.

`meet` decides once, when a purchase is recorded: which conditions hold, which base rule wins each line, which
multipliers work on it, what caps are left. The `Term`s it answers are frozen with the purchase. `give` is F of the
return rule: the points of each term for the part of the purchase that is kept; with all of it kept, what is awarded.

Why F never rises when more is returned: what each term gives exactly never rises, neither does its cap's lesser part of
that, nor the sum, nor the sum's rounding. So a cap cuts what a rule gives exactly, before the running total is rounded:
to cut the rounded differences instead would let a return of part of an order raise the rest by a point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from fractions import Fraction

from membership.domain.baskets import Part, What
from membership.domain.earning import AWARD_MAX, Rounding
from membership.domain.rules import Outcome, Rule, Version

ONE = Fraction(1)
ZERO = Fraction(0)
VISIT = -1
"""What a rule per visit works on, beside the places of parts."""


class Verdict(IntEnum):
    """Whether a rule applied, or why not. The values are stored, and are the contract's."""

    APPLIED = 1
    CONDITION = 2
    NOTHING_ELIGIBLE = 3
    BELOW_MINIMUM = 4
    OUTBID = 5
    EXCLUDED = 6
    COOLDOWN = 7
    CAP_USED_UP = 8
    HELD_OUT = 9
    BUDGET_SPENT = 10
    BUNDLE_INCOMPLETE = 11
    COUNTED = 12


@dataclass(frozen=True, slots=True)
class Term:
    """A rule as frozen with a purchase. Spends are in minor units, by the places of the purchase's parts."""

    rule_id: str
    """Empty for the tier's multiplier."""
    version: int
    rule_no: int
    outcome: Outcome
    rate: Fraction
    rounding: Rounding
    round_each_line: bool
    exclusive: bool
    minimum_spend: int
    spend_increment: int
    cap: int | None
    """The most it gives for this purchase, by all its caps."""
    spends: dict[int, int]
    """The eligible spend of the parts that qualify, on which the minimum is tested."""
    works_on: tuple[int, ...]
    """Those of them that it gives something for; VISIT for a rule per visit, and for multipliers that work on it."""
    verdict: Verdict
    campaign: str = ""
    bundle: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """How many pieces of which parts together have to be kept."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that is in force, as far as a purchase meets it: which parts its condition holds for, what its caps have
    left, which parts its bundle can be of. `refusal` tells why it is out from the start.
    """

    version: Version
    holds: Callable[[int], bool]
    """For a part, by its place."""
    cap: int | None = None
    refusal: Verdict | None = None
    bundle: tuple[tuple[int, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a purchase, for each part: the share of its spend, and its pieces."""

    shares: tuple[Fraction | int, ...]
    """Whole ones as integers: nearly all are, and those cost a tenth to reckon with."""
    pieces: tuple[int, ...]

    @staticmethod
    def all_of(parts: Sequence[Part]) -> Kept:
        """All of it."""
        return Kept((1,) * len(parts), tuple([part.quantity for part in parts]))

    @property
    def something(self) -> bool:
        """Whether anything is."""
        return any(self.shares)


def meet(
    candidates: Iterable[Candidate],
    parts: Sequence[Part],
    eligible: Callable[[Rule, int], int | None],
    tier: Fraction,
) -> tuple[Term, ...]:
    """The terms of a purchase: of base rules, then the tier's multiplier where there is one, multipliers, bonuses; each
    in the order of `candidates`, also those that do not apply. `eligible` tells a rule's eligible spend of a part, None
    where the part is left out.
    """
    every = [qualified(candidate, parts, eligible) for candidate in candidates]
    bases = _best([term for term in every if term.outcome.is_base], parts)
    targets = sorted({place for term in bases if term.verdict is Verdict.APPLIED for place in term.works_on})
    multipliers = [*_of_tier(tier, parts), *(term for term in every if term.outcome is Outcome.MULTIPLIER)]
    bonuses = [term for term in every if term.outcome is Outcome.BONUS]
    return (*bases, *_strongest(multipliers, targets), *bonuses)


def give(terms: Sequence[Term], kept: Kept) -> tuple[int, ...]:
    """F: the points of each term for what is kept. They never exceed its cap, and never sum up to more than 10^13.

    In each pool, the order or a line with its rounding, the exact points of the terms are added up one after the other;
    each total is rounded, and a term's points are the difference it makes.
    """
    points = [0] * len(terms)
    left = [AWARD_MAX if term.cap is None else term.cap for term in terms]
    for (_, rounding), exact in _pools(terms, kept).items():
        running, before = ZERO, 0
        for place in sorted(exact):
            share = exact[place]
            running += share if share <= left[place] else Fraction(left[place])
            after = rounded(running, rounding)
            points[place] += after - before
            left[place] -= after - before
            before = after
    for place, term in enumerate(terms):
        if term.outcome is Outcome.BONUS and applies(term, kept) and any(map(kept.shares.__getitem__, term.works_on)):
            points[place] = min(int(term.rate), left[place])
    return _bounded(points)


def applies(term: Term, kept: Kept) -> bool:
    """Whether a frozen term gives anything at all for what is kept: its minimum is still reached, its bundle there."""
    if term.verdict is not Verdict.APPLIED or not has_bundle(term.bundle, kept):
        return False
    return sum([spend * kept.shares[place] for place, spend in term.spends.items()]) >= term.minimum_spend


def has_bundle(bundle: tuple[tuple[int, tuple[int, ...]], ...], kept: Kept) -> bool:
    """Whether all of a bundle is kept."""
    return all(sum(map(kept.pieces.__getitem__, places)) >= pieces for pieces, places in bundle)


def base(term: Term, places: Iterable[int], kept: Kept) -> Fraction:
    """What a base term gives exactly for some of the parts it works on."""
    match term.outcome:
        case Outcome.SPEND:
            spend = sum([term.spends[place] * kept.shares[place] for place in places])
            return term.rate * (spend - spend % term.spend_increment)
        case Outcome.ITEM:
            return term.rate * sum(kept.pieces[place] for place in places)
        case Outcome.LINE:
            return term.rate * sum(1 for place in places if kept.shares[place])
        case _:
            return term.rate if kept.something else ZERO


def rounded(exact: Fraction, rounding: Rounding) -> int:
    """Whole points."""
    if rounding is Rounding.DOWN:
        return exact.numerator // exact.denominator
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def _pools(terms: Sequence[Term], kept: Kept) -> dict[tuple[int | None, Rounding], dict[int, Fraction]]:
    """What the terms give exactly, by the line (None for the order) and the rounding; then by their places."""
    pools: dict[tuple[int | None, Rounding], dict[int, Fraction]] = {}
    live = [(place, term) for place, term in enumerate(terms) if applies(term, kept)]
    multipliers = [(place, term) for place, term in live if term.outcome is Outcome.MULTIPLIER]
    for place, term in live:
        if not term.outcome.is_base:
            continue
        each_line = term.round_each_line and term.outcome is not Outcome.VISIT
        for group in [(part,) for part in term.works_on] if each_line else [term.works_on]:
            pool = pools.setdefault((group[0] if each_line else None, term.rounding), {})
            pool[place] = base(term, group, kept)
            for other, multiplier in multipliers:
                covered = [part for part in group if part in multiplier.works_on]
                if covered:
                    more = (multiplier.rate - 1) * base(term, covered, kept)
                    pool[other] = pool.get(other, ZERO) + more
    return pools


def _bounded(points: Sequence[int]) -> tuple[int, ...]:
    left, bounded = AWARD_MAX, []
    for one in points:
        bounded.append(min(one, left))
        left -= bounded[-1]
    return tuple(bounded)


def qualified(candidate: Candidate, parts: Sequence[Part], eligible: Callable[[Rule, int], int | None]) -> Term:
    """The term of a candidate before it meets the others."""
    rule = candidate.version.rule
    verdict, spends, places = candidate.refusal, dict[int, int](), list[int]()
    if verdict is None:
        there = {place: spend for place in range(len(parts)) if (spend := eligible(rule, place)) is not None}
        spends = {place: spend for place, spend in there.items() if candidate.holds(place)}
        places = [place for place in spends if _bears(rule.outcome, parts[place])]
        if rule.outcome is Outcome.SPEND:
            places = [place for place in places if spends[place]]
        if not has_bundle(candidate.bundle, Kept.all_of(parts)):
            verdict = Verdict.BUNDLE_INCOMPLETE
        elif there and not spends:
            verdict = Verdict.CONDITION
        elif not places:
            verdict = Verdict.NOTHING_ELIGIBLE
        elif sum(spends.values()) < rule.minimum_spend:
            verdict = Verdict.BELOW_MINIMUM
    return Term(
        rule.rule_id,
        candidate.version.version,
        candidate.version.rule_no,
        rule.outcome,
        rule.rate,
        rule.rounding,
        rule.round_each_line,
        rule.exclusive,
        rule.minimum_spend,
        rule.spend_increment,
        candidate.cap,
        spends,
        tuple(places),
        verdict or Verdict.APPLIED,
        rule.campaign,
        candidate.bundle,
    )


def _bears(outcome: Outcome, part: Part) -> bool:
    """Whether a part has what an outcome counts: pieces and lines are of goods."""
    return part.what is What.GOODS if outcome in {Outcome.ITEM, Outcome.LINE, Outcome.PIECE} else True


def _best(bases: list[Term], parts: Sequence[Part]) -> list[Term]:
    """The base terms, each working on the parts it wins, compared before rounding; of equals the earlier wins."""
    kept = Kept.all_of(parts)
    by_part: dict[int, int] = {}
    best = dict[int, Fraction]()
    visit: int | None = None
    for at, term in enumerate(bases):
        if term.verdict is not Verdict.APPLIED:
            continue
        if term.outcome is Outcome.VISIT:
            visit = at if visit is None or term.rate > bases[visit].rate else visit
            continue
        for place in term.works_on:
            exact = _unrounded(term, place, kept)
            if place not in best or exact > best[place]:
                best[place], by_part[place] = exact, at
    if visit is not None and bases[visit].rate > sum(best.values(), ZERO):
        by_part = {VISIT: visit}
    return [_won(term, [place for place, winner in by_part.items() if winner == at]) for at, term in enumerate(bases)]


def _unrounded(term: Term, place: int, kept: Kept) -> Fraction:
    """What a base term would give for one part, without increments."""
    return term.rate * term.spends[place] if term.outcome is Outcome.SPEND else base(term, (place,), kept)


def _won(term: Term, places: Iterable[int], otherwise: Verdict = Verdict.OUTBID) -> Term:
    """A term with the places that it works on after it met the others."""
    if term.verdict is not Verdict.APPLIED:
        return term
    works_on = tuple(sorted(places))
    if works_on and works_on == term.works_on:
        return term
    return replace(term, works_on=works_on, verdict=term.verdict if works_on else otherwise)


def _strongest(multipliers: list[Term], targets: Sequence[int]) -> list[Term]:
    """The multipliers, each working on those of the targets where it counts: there, all that are not exclusive count
    together, or one that is exclusive, whichever is more.
    """
    works_on: dict[int, list[int]] = {at: [] for at in range(len(multipliers))}
    reached = [bool(set(targets) & _reach(term)) for term in multipliers]
    for place in targets:
        here = [at for at, term in enumerate(multipliers) if term.verdict is Verdict.APPLIED and place in _reach(term)]
        together = [at for at in here if not multipliers[at].exclusive]
        alone = max((at for at in here if multipliers[at].exclusive), key=lambda at: multipliers[at].rate, default=None)
        total = ONE + sum(multipliers[at].rate - 1 for at in together)
        counting = [alone] if alone is not None and multipliers[alone].rate > total else together
        for at in counting:
            works_on[at].append(place)
    return [
        _won(term, works_on[at], Verdict.EXCLUDED if reached[at] else Verdict.NOTHING_ELIGIBLE)
        for at, term in enumerate(multipliers)
    ]


def _reach(term: Term) -> set[int]:
    """What a multiplier can work on: its parts, and points per visit, where it has any part at all."""
    return {*term.works_on, VISIT} if term.works_on else set()


def _of_tier(tier: Fraction, parts: Sequence[Part]) -> list[Term]:
    """The tier's multiplier, which works on all parts."""
    if tier == 1:
        return []
    places = tuple(range(len(parts)))
    return [
        Term("", 0, 0, Outcome.MULTIPLIER, tier, Rounding.DOWN, False, False, 0, 1, None, {}, places, Verdict.APPLIED)
    ]
