"""What rules that count make of purchases: how far a member's count has come, and the awards that it reaches.

It goes by the order in which purchases are recorded, and beside their rating: an award for a count rests on several
purchases, so that it is a bonus of its own, which is given and taken back by the count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from membership.domain.baskets import Part
from membership.domain.rules import Count, Outcome
from membership.domain.stacking import Kept, Term, Verdict, applies

AWARDS_MAX = 20
"""The most awards of a rule that one purchase completes; what is more comes with the next."""


class Counting(NamedTuple):
    """What a rule has counted of a member, and how many awards are given for it and not taken back."""

    counted: int = 0
    given: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What a rule has counted with a purchase."""

    rule_no: int
    count: Count
    counts: int
    """Of this purchase."""
    reached: int
    """Of all so far."""
    awards: tuple[int, ...]
    """The points of each award that is reached with it."""
    uncovered: bool = False
    """Whether awards were reached that the budget of the campaign did not cover."""

    @property
    def points(self) -> int:
        """Of all its awards."""
        return sum(self.awards)

    @property
    def verdict(self) -> Verdict:
        """What is told of it."""
        if self.uncovered:
            return Verdict.BUDGET_SPENT
        return Verdict.APPLIED if self.awards else Verdict.COUNTED


def number_of(term: Term, *, pieces: bool, kept: Kept) -> int:
    """How much a rule counts of what is kept of a purchase."""
    if not applies(term, kept):
        return 0
    if pieces:
        return sum(kept.pieces[place] for place in term.works_on)
    return int(any(kept.shares[place] for place in term.works_on))


def tally(term: Term, count: Count, parts: Sequence[Part], before: Counting) -> Tally | None:
    """What a rule counts of a new purchase, and what it reaches with it; None where it does not count it."""
    counts = number_of(term, pieces=count.pieces, kept=Kept.all_of(parts))
    if not counts:
        return None
    reached = before.counted + counts
    more = min(AWARDS_MAX, count.due(reached) - before.given)
    awards = tuple(_worth(term, count, parts, before, place) for place in range(max(0, more)))
    return Tally(term.rule_no, count, counts, reached, awards)


def _worth(term: Term, count: Count, parts: Sequence[Part], before: Counting, place: int) -> int:
    """The points of the next award, or of one of those after it."""
    if term.outcome is Outcome.BONUS:
        return int(term.rate)
    completes = (before.given + place + 1) * count.number - before.counted  # which piece of this purchase, from 1
    for part in term.works_on:
        completes -= parts[part].quantity
        if completes <= 0:
            break
    worth = term.rate * term.spends[part] / parts[part].quantity
    return worth.numerator // worth.denominator
