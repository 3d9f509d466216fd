"""What goes by the order of arrival, which is not for programs with a lateness window: there it does not matter."""

from __future__ import annotations

from collections.abc import Iterator

from guerdon_kit.errors import FieldViolation
from membership.domain.conditions import Phrase
from membership.domain.rules import Rule

RERATED = "goes by the order of arrival: in a program with late_days, late events are rated anew"


def violations(rule: Rule) -> Iterator[FieldViolation]:
    """What of a rule goes by arrival, by the fields of the contract's `EarningRule`. Its condition compiles."""
    if rule.campaign:
        yield FieldViolation("campaign", RERATED)
    if rule.count is not None:
        yield FieldViolation("count", RERATED)
    if rule.condition:
        phrase = Phrase.of(rule.condition)
        if phrase.of_purchases or phrase.segments != frozenset():
            yield FieldViolation("condition", RERATED)
