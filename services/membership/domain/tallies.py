"""What rules that count make of purchases: how far a member's count has come, and the awards that it reaches.

It goes by the order in which purchases are recorded, and beside their rating: an award for a count rests on several
purchases, so that it is a bonus of its own, which is given and taken back by the count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from membership.domain.baskets import Part
from membership.domain.rules import Count, Outcome
from membership.domain.stacking import Kept, Term, Verdict, applies

AWARDS_MAX = 20
"""The most awards of a rule that are given with one purchase; what is more comes with the next."""


OWED_MAX = 100
"""How many different awards a member may be owed; what is more is joined at the lowest worth."""


class Into(NamedTuple):
    """What a rule that counts gives, if not points: another unit, or a reward, which is worth 1."""

    rule_no: int
    unit: str = ""
    reward: str = ""


class Owed(NamedTuple):
    """Awards that are reached and not given yet: with which purchase, and the points of each."""

    purchase_id: str
    points: int
    awards: int


class Given(NamedTuple):
    """An award that is given, and the purchase with which it was reached."""

    award_no: int
    purchase_id: str
    points: int


class Counting(NamedTuple):
    """What a rule has counted of a member, how many awards are given for it and not taken back, and those that wait for
    a later purchase, which keep the worth that they were reached with.
    """

    counted: int = 0
    given: int = 0
    owed: tuple[Owed, ...] = ()

    @property
    def reached(self) -> int:
        """All awards that have a worth."""
        return self.given + sum(one.awards for one in self.owed)

    def give(self) -> tuple[list[Owed], Counting]:
        """The awards that are given now, the oldest first, each on its own; and what is counted then."""
        awards = [one._replace(awards=1) for one in self.owed for _ in range(min(one.awards, AWARDS_MAX))][:AWARDS_MAX]
        left = [*self.owed, *(one._replace(awards=-1) for one in awards)]
        return awards, Counting(self.counted, self.given + len(awards), joined(left))


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
    """The points of each award that is given with it."""
    uncovered: bool = False
    """Whether awards were reached that the budget of the campaign did not cover."""
    reached_with: tuple[str, ...] = ()
    """The purchases with which these awards were reached, and what was owed before, until they are written."""
    owed_before: tuple[Owed, ...] = ()

    @property
    def points(self) -> int:
        """Of all its awards."""
        return sum(self.awards)

    def written(self) -> Tally:
        """As it is kept: its awards are given otherwise, or were."""
        return replace(self, reached_with=(), owed_before=())

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


def reach(term: Term, count: Count, parts: Sequence[Part], before: Counting, purchase_id: str) -> Counting | None:
    """What is counted with a new purchase, the awards that it reaches owed; None where the rule does not count it."""
    counts = number_of(term, pieces=count.pieces, kept=Kept.all_of(parts))
    if not counts:
        return None
    more = count.due(before.counted + counts) - before.reached
    first = (before.reached + 1) * count.number - before.counted

    def up_to(piece: int) -> int:
        """How many awards are reached with the first pieces. Each takes a piece of its own: those that members who were
        merged have only reached together come with one of the next pieces each.
        """
        return max(0, min(more, piece, (piece - first) // count.number + 1))

    new: list[Owed] = []
    if term.outcome is not Outcome.PIECE:
        new.append(Owed(purchase_id, int(term.rate), up_to(counts)))
    else:
        end = 0
        for place in term.works_on:
            start, end = end, end + parts[place].quantity
            worth = term.rate * term.spends[place] / parts[place].quantity
            new.append(Owed(purchase_id, worth.numerator // worth.denominator, up_to(end) - up_to(start)))
    return Counting(before.counted + counts, before.given, joined([*before.owed, *new]))


def fall(count: Count, standing: Counting, given: Sequence[Given], purchase_id: str) -> tuple[list[int], Counting]:
    """The numbers of the awards that a count does not reach any more, and what stands then: first those reached with
    the purchase that came back, and of these and of others those worth most. `given` are as many as may fall, in this
    order.
    """
    excess, taken, left = standing.reached - count.due(standing.counted), list[int](), list(standing.owed)
    each: list[Owed | Given] = [*standing.owed, *given]
    for one in sorted(each, key=lambda one: (one.purchase_id == purchase_id, one.points), reverse=True):
        falls = max(0, min(excess, 1 if isinstance(one, Given) else one.awards))
        excess -= falls
        if isinstance(one, Owed):
            left.append(one._replace(awards=-falls))
        elif falls:
            taken.append(one.award_no)
    return taken, Counting(standing.counted, standing.given - len(taken), joined(left))


def joined(owed: Iterable[Owed]) -> tuple[Owed, ...]:
    """Awards, those of one purchase and one worth together, in their order."""
    awards: dict[tuple[str, int], int] = {}
    for one in owed:
        key = one.purchase_id, one.points
        awards[key] = awards.get(key, 0) + one.awards
    each = [Owed(*key, number) for key, number in awards.items() if number]
    if len(each) <= OWED_MAX:
        return tuple(each)
    rest = each[OWED_MAX - 1 :]
    last = Owed(rest[-1].purchase_id, min(one.points for one in rest), sum(one.awards for one in rest))
    return (*each[: OWED_MAX - 1], last)
