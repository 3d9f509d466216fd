"""What a purchase earned and why, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from membership.domain.baskets import Part
from membership.domain.earning import Rounding, explain_award
from membership.domain.gifts import Qualified
from membership.domain.purchases import FrozenTerms, PlainTerms, Purchase
from membership.domain.rules import Outcome
from membership.domain.stacking import VISIT, Kept, Term, Verdict, base
from membership.domain.tallies import Into, Tally

_WHY_NOT = {
    Verdict.CONDITION: "its condition does not hold",
    Verdict.NOTHING_ELIGIBLE: "there is nothing it works on",
    Verdict.OUTBID: "other base rules give more",
    Verdict.EXCLUDED: "multipliers that give more exclude it",
    Verdict.COOLDOWN: "it gave points too short a time ago",
    Verdict.CAP_USED_UP: "its cap is used up",
    Verdict.HELD_OUT: "the member is held out of its campaign",
    Verdict.BUDGET_SPENT: "the budget of its campaign does not cover it",
    Verdict.BUNDLE_INCOMPLETE: "its bundle is not in the purchase",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule gave for a purchase, or why it gave nothing; `rule_id` is empty for the tier's multiplier."""

    rule_id: str
    version: int
    verdict: Verdict
    points: int
    line_ids: tuple[str, ...]
    explanation: str
    campaign: str = ""
    count: int = 0
    """Of a rule that counts: how much, with this purchase."""
    unit: str = ""
    """Of what it gave, if not points."""


def tell(purchase: Purchase) -> list[Told]:
    """Each rule that was in force for a purchase, with what it gave."""
    if isinstance(purchase.terms, PlainTerms):
        return list(_tell_plain(purchase, purchase.terms))
    counted = (_tell_count(term, purchase.tallies, purchase.terms.into(term.rule_no)) for term in purchase.terms.counts)
    frozen = purchase.terms
    in_points = _tell_frozen(frozen, frozen.terms, frozen.points)
    into = (told for one in frozen.wallets for told in _tell_frozen(frozen, one.terms, one.points, one.unit))
    kept = Kept.all_of(frozen.parts)
    rewards = (_tell_reward(frozen, one, one.gives(kept)) for one in frozen.rewards)
    return [*in_points, *counted, *into, *rewards]


def explain(purchase: Purchase, told: Iterable[Told]) -> str:
    """The arithmetic of all that a purchase earned, as it is `told` rule by rule."""
    if isinstance(purchase.terms, PlainTerms):
        return explain_award(purchase.terms.terms, purchase.amount)
    return "; ".join(f"{one.rule_id or 'tier'}: {one.explanation}" for one in told)


def _tell_plain(purchase: Purchase, plain: PlainTerms) -> Iterator[Told]:
    terms, award = plain.terms, purchase.award
    verdict = Verdict.APPLIED
    if not purchase.amount:
        verdict = Verdict.NOTHING_ELIGIBLE
    elif purchase.amount < terms.rule.minimum_spend:
        verdict = Verdict.BELOW_MINIMUM
    text = explain_award(terms, purchase.amount)
    yield Told(plain.rule_id, plain.version, verdict, award.base_points, (), text)
    if terms.multiplier != 1:
        # Nothing to multiply where the base is nothing.
        tier = Verdict.APPLIED if verdict is Verdict.APPLIED else Verdict.NOTHING_ELIGIBLE
        told = f"the exact base x ({terms.multiplier} - 1): {award.tier_points} points by the tier"
        yield Told("", 0, tier, award.tier_points, (), told)


def _tell_frozen(frozen: FrozenTerms, terms: Sequence[Term], given: Sequence[int], unit: str = "") -> list[Told]:
    kept = Kept.all_of(frozen.parts)
    return [
        Told(
            term.rule_id,
            term.version,
            term.verdict,
            points,
            tuple(
                frozen.parts[place].line_id for place in term.works_on if place != VISIT and frozen.parts[place].line_id
            )
            if term.verdict is Verdict.APPLIED
            else (),
            _explain(term, points, frozen.parts, kept, unit or "points"),
            term.campaign,
            unit=unit,
        )
        for term, points in zip(terms, given, strict=True)
    ]


def _tell_reward(frozen: FrozenTerms, one: Qualified, gives: bool) -> Told:
    [told] = _tell_frozen(frozen, [one.term], [0], "rewards")
    return replace(told, explanation=f"the reward {one.reward}" if gives else told.explanation, unit="")


def _tell_count(term: Term, tallies: Sequence[Tally], into: Into) -> Told:
    unit = "rewards" if into.reward else into.unit or "points"
    tally = next((one for one in tallies if one.rule_no == term.rule_no), None)
    if tally is None:
        verdict = Verdict.NOTHING_ELIGIBLE if term.verdict is Verdict.APPLIED else term.verdict
        why = _WHY_NOT.get(verdict, "it is below the minimum spend")
        return Told(term.rule_id, term.version, verdict, 0, (), f"{why}: 0 {unit}", term.campaign)
    count = tally.count
    goal = f"{'every ' if count.repeats else ''}{count.number}{' pieces' if count.pieces else ' purchases'}"
    what = f"the reward {into.reward}" if into.reward else unit
    text = f"{tally.reached} counted, {goal} give {what}: {tally.points} {unit}"
    if tally.uncovered:
        text = f"{tally.reached} counted, but {_WHY_NOT[Verdict.BUDGET_SPENT]}: 0 {unit}"
    points = 0 if into.reward else tally.points
    return Told(term.rule_id, term.version, tally.verdict, points, (), text, term.campaign, tally.reached, into.unit)


def _explain(term: Term, points: int, parts: Sequence[Part], kept: Kept, unit: str) -> str:
    if term.verdict is Verdict.BELOW_MINIMUM:
        return f"{sum(term.spends.values())} is below the minimum spend of {term.minimum_spend}: 0 {unit}"
    if term.verdict is not Verdict.APPLIED:
        return f"{_WHY_NOT[term.verdict]}: 0 {unit}"
    capped = f", at most {term.cap}" if term.cap is not None else ""
    return f"{_arithmetic(term, parts, kept)}{capped}: {points} {unit}"


def _arithmetic(term: Term, parts: Sequence[Part], kept: Kept) -> str:
    how = "rounded down" if term.rounding is Rounding.DOWN else "rounded half up"
    each = ", each line on its own" if term.round_each_line else " with what was added before"
    exact = base(term, term.works_on, kept) if term.outcome.is_base else None
    match term.outcome:
        case Outcome.SPEND:
            spend = sum(term.spends[place] for place in term.works_on)
            rated = spend - spend % term.spend_increment if not term.round_each_line else spend
            return f"{rated} of {spend} minor units x {term.rate} = {exact}, {how}{each}"
        case Outcome.ITEM:
            pieces = sum(parts[place].quantity for place in term.works_on)
            return f"{pieces} pieces x {term.rate} = {exact}, {how}{each}"
        case Outcome.LINE:
            return f"{len(term.works_on)} lines x {term.rate} = {exact}, {how}{each}"
        case Outcome.VISIT:
            return f"{term.rate} for the purchase, {how}{each}"
        case Outcome.MULTIPLIER:
            return f"the exact base of what it works on x ({term.rate} - 1), rounded with what was added before"
        case Outcome.BONUS | Outcome.PIECE:
            return f"a bonus of {term.rate}"
        case _:
            return "a reward"
