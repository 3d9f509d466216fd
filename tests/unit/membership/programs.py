"""Programs, rules and baskets for tests of rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from membership.domain.baskets import Basket, Line
from membership.domain.earning import Rounding
from membership.domain.members import Member
from membership.domain.moments import to_microseconds
from membership.domain.program import Program, Settings
from membership.domain.purchases import FrozenTerms, State
from membership.domain.rating import Entry, Rated, Scene, Use, rate
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Outcome, Rule, Version
from membership.domain.tiers import Tier

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
"""A Monday, in New York 13:30."""
PER_DOLLAR = Rule("base", Outcome.SPEND, Fraction(1, 100), Rounding.DOWN)


def bonus(rule_id: str, points: int, **more: Any) -> Rule:
    return Rule(rule_id, Outcome.BONUS, Fraction(points), **more)


def times(rule_id: str, multiplier: Fraction | int, **more: Any) -> Rule:
    return Rule(rule_id, Outcome.MULTIPLIER, Fraction(multiplier), **more)


def line(line_id: str, price: int, quantity: int = 1, **more: Any) -> Line:
    return Line(
        **{"sku": "", "category": "", "discount": 0, **more}, line_id=line_id, quantity=quantity, unit_price=price
    )


def book(rules: Sequence[Rule], tiers: Sequence[Tier] = ()) -> Rulebook:
    versions = [Version(no, 1, no, rule, False, 0, NOW) for no, rule in enumerate(rules, start=1)]
    return Rulebook(versions, tiers)


def program(rules: Sequence[Rule], tier: Fraction = Fraction(1)) -> Program:
    """A program in New York, whose tier, if any, everybody has."""
    tiers = () if tier == 1 else (Tier("gold", 0, tier),)
    return Program(1, Settings("acme", "points", "USD", rules[0], None, 0, tiers), "America/New_York", NOW)


def rated(
    rules: Sequence[Rule],
    bought: Basket | int,
    tier: Fraction = Fraction(1),
    *,
    when: datetime = NOW,
    uses: dict[Use, int] | None = None,
) -> Rated:
    """What a basket or an amount earns under rules; what they count is written to `uses`."""
    of = program(rules, tier)
    amount = bought if isinstance(bought, int) else bought.total
    baskets = {} if isinstance(bought, int) else {0: bought}
    member = Member(7, "ada", State.POSTED, datetime(2025, 11, 23, tzinfo=UTC), 0, None)
    scene = Scene(baskets, {7: member}, {} if uses is None else uses)
    entry = Entry(to_microseconds(when), 0, 7, amount)
    [one] = rate(of, book(rules, of.settings.tiers), [entry], {}, scene)
    return one


def frozen(rules: Sequence[Rule], bought: Basket | int, tier: Fraction = Fraction(1)) -> FrozenTerms:
    """What a purchase keeps of its rating."""
    terms = rated(rules, bought, tier).frozen
    assert terms is not None, "the rules are not plain"
    return terms


def given(terms: FrozenTerms) -> dict[str, int]:
    """Points by rule id, "" for the tier, as far as there are any."""
    return {term.rule_id: points for term, points in zip(terms.terms, terms.points, strict=True) if points}
