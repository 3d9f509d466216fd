"""What rules give in other units than the program's points, such as cash or stamps: credit in a wallet of the member's.

Each unit stacks, is rounded and is taken back by itself, as points are. What it gives are credits beside the purchase's
own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from membership.domain.program import Program
from membership.domain.rules import Rule
from membership.domain.stacking import Term
from membership.domain.tranches import Times, Tranche, available_time, divide, wait


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a purchase was rated by in another unit."""

    unit: str
    terms: tuple[Term, ...]
    points: tuple[int, ...]
    """What each term gave, in the unit's smallest parts."""
    tranches: tuple[Tranche, ...] = ()
    """The credits: what of it is available and expires together."""

    def by_rule(self) -> Iterator[tuple[int, int]]:
        """The numbers of the rules that gave something, with what they gave."""
        for term, points in zip(self.terms, self.points, strict=True):
            if points:
                yield term.rule_no, points


def wallet_times(program: Program, rule: Rule, event_time: datetime, expire_time: datetime | None) -> Times:
    """When what a rule gives into a wallet can be spent, as the program's points unless the rule says otherwise; and
    when it expires, which is never unless the rule has a policy of its own.
    """
    return Times(
        available_time(program, event_time, rule.availability),
        expire_time,
        wait(program, event_time, rule.availability),
    )


def with_times(one: Wallet, by_rule: Mapping[int, Times]) -> Wallet:
    """A wallet's credits, by the times of the rules that gave something."""
    others = Times(None, None)
    tranches = divide([term.rule_no for term in one.terms], one.points, by_rule, others)
    if not tranches and any(one.points):
        tranches = (Tranche(sum(one.points), None, None, tuple(range(len(one.terms)))),)
    return replace(one, tranches=tranches)
