"""A draft of a program's rules, with the campaigns that they belong to, as a rulebook of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from guerdon_kit.errors import FieldViolation, InvalidField
from membership.domain.campaigns import BUDGET_OF_POINTS, CAMPAIGNS_MAX, Budgets, Campaign
from membership.domain.campaigns import violations as campaign_violations
from membership.domain.conditions import Phrase
from membership.domain.program import Program, violations_of
from membership.domain.rulebooks import Rulebook, together
from membership.domain.rules import RULES_MAX, Rule, Version

_EPOCH_US = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """Rules to be tried, in force for every purchase, and the campaigns that they name, each with its window, its
    holdout group and its whole budget.
    """

    book: Rulebook
    asks_segments: frozenset[str] | None
    """The ids of the segments that conditions ask for; None where they may ask for any."""

    @property
    def budgeted(self) -> bool:
        """Whether a campaign has a budget, so that what one member is given is none of another's."""
        return any(one.budget for one in self.book.campaigns)

    def budgets(self) -> Budgets:
        """What the campaigns may give, nothing of it spent."""
        return Budgets({one.campaign_no: one.budget for one in self.book.campaigns if one.budget})


def drafted(
    program: Program, rules: Sequence[Rule], campaigns: Sequence[Campaign], made: Mapping[str, Campaign], now: datetime
) -> Draft:
    """Draft rules in `campaigns`, which are drafts too, or in those that are `made`, by their ids and in their order.

    Raises:
        InvalidField: a bound is not kept, a condition does not compile, or a campaign is neither drafted nor made.
    """
    known = {**made, **{one.campaign_id: one for one in campaigns}}  # in order: the first asked gives up first
    found = [
        *_campaign_violations(campaigns),
        *(
            replace(one, field=f"earning_rules[{place}].{one.field}")
            for place, rule in enumerate(rules)
            for one in _rule_violations(program, rule, known)
        ),
    ]
    if not 1 <= len(rules) <= RULES_MAX:
        found.append(FieldViolation("earning_rules", f"must be 1 to {RULES_MAX}"))
    if len({rule.rule_id for rule in rules}) < len(rules):
        found.append(FieldViolation("earning_rules", "must have different names"))
    if found:
        raise InvalidField(found)
    versions = [Version(number, 1, number, rule, False, _EPOCH_US, now) for number, rule in enumerate(rules, start=1)]
    named = {rule.campaign for rule in rules}
    joined = [replace(one, campaign_no=number) for number, one in enumerate(known.values()) if one.campaign_id in named]
    asked = together(Phrase.of(rule.condition).segments for rule in rules if rule.condition)
    return Draft(Rulebook(versions, program.settings.tiers, joined), asked)


def _campaign_violations(campaigns: Sequence[Campaign]) -> Iterator[FieldViolation]:
    for place, campaign in enumerate(campaigns):
        for one in campaign_violations(campaign):
            yield replace(one, field=f"campaigns[{place}].{one.field}")
    if len({one.campaign_id for one in campaigns}) < len(campaigns) or len(campaigns) > CAMPAIGNS_MAX:
        yield FieldViolation("campaigns", f"must be at most {CAMPAIGNS_MAX}, of different names")


def _rule_violations(program: Program, rule: Rule, campaigns: Mapping[str, Campaign]) -> Iterator[FieldViolation]:
    yield from violations_of(rule, program.settings)
    if rule.campaign and rule.campaign not in campaigns:
        yield FieldViolation("campaign", "must be one of `campaigns`, or a campaign of the program")
    elif rule.campaign and not campaigns[rule.campaign].covers(rule):
        yield FieldViolation("campaign", BUDGET_OF_POINTS)
