"""What is not for programs with a lateness window: above all what goes by the order of arrival, which does not matter
there.
"""

from __future__ import annotations

from collections.abc import Iterator

from guerdon_kit.errors import FieldViolation
from membership.domain.campaigns import Campaign
from membership.domain.conditions import Phrase
from membership.domain.rules import Rule

RERATED = "goes by the order of arrival: in a program with late_days, late events are rated anew"
AS_ONE = "cannot be a rule's own in a program with late_days: an award that is rated anew has the same times throughout"


def campaign_violations(one: Campaign) -> Iterator[FieldViolation]:
    """What of a campaign goes by arrival, by the fields of the contract's `Campaign`."""
    if one.budget:
        yield FieldViolation("budget_points", RERATED)


def violations(rule: Rule) -> Iterator[FieldViolation]:
    """What of a rule is not for them, by the fields of the contract's `EarningRule`. Its condition compiles."""
    if rule.availability is not None:
        yield FieldViolation("availability", AS_ONE)
    if rule.expiry is not None:
        yield FieldViolation("expiry_policy", AS_ONE)
    if rule.condition:
        phrase = Phrase.of(rule.condition)
        if phrase.of_purchases or phrase.segments != frozenset():
            yield FieldViolation("condition", RERATED)
