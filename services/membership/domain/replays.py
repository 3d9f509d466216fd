"""What a draft of rules comes to against what was awarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import NamedTuple

from membership.domain.lives import TIERS, Cost, Life
from membership.domain.program import Program
from membership.domain.rules import Rule


class Change(NamedTuple):
    """What a member was awarded, and what a draft gives for the same."""

    member_id: str
    awarded: int
    simulated: int


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
            self.costs[rule_id].rewards += cost.rewards
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


def compare(program: Program, rules: Sequence[Rule], named: int) -> Comparison:
    """Nothing yet of a draft."""
    tiers = [TIERS] if program.settings.tiers else []
    return Comparison(named, {rule_id: Cost() for rule_id in (*(rule.rule_id for rule in rules), *tiers)})
