"""What late events make of counts: a member's counts from some moment on, counted anew in the order in which everything
happened.

What each event did to a count is kept with it, so that the count of before a moment is what it is now less what was
counted since. Which awards stand for it is told by the purchases with which they were reached and their points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from membership.domain.campaigns import Budgets
from membership.domain.clawbacks import CameBack, kept
from membership.domain.counting import Decided, count
from membership.domain.purchases import FrozenTerms, PlainTerms, Purchase
from membership.domain.rating import Rated
from membership.domain.rulebooks import Rulebook
from membership.domain.tallies import Counting, Given, Owed, Tally, fall, number_of
from membership.domain.tranches import Times


class Award(NamedTuple):
    """An award for a count: the purchase with which it was reached, and its points."""

    purchase_id: str
    points: int


class Step(NamedTuple):
    """What a purchase or a return did to what a rule had counted."""

    rule_no: int
    counts: int
    """Less than nothing, of a return."""
    owed: tuple[Owed, ...]
    """Before it."""
    given: tuple[Award, ...] = ()
    fallen: tuple[Award, ...] = ()


@dataclass(slots=True)
class Standing:
    """What a rule has counted of a member, the awards that stand for it, and those that are owed."""

    counted: int = 0
    awards: Counter[Award] = field(default_factory=Counter)
    owed: tuple[Owed, ...] = ()

    @property
    def counting(self) -> Counting:
        """As it is kept."""
        return Counting(self.counted, self.awards.total(), self.owed)


def steps_of(rated: Rated) -> tuple[Step, ...]:
    """What a purchase did to counts when it came in time."""
    return tuple(
        Step(one.rule_no, one.counts, one.owed_before, tuple(map(Award, one.reached_with, one.awards)))
        for one in rated.tallies
    )


def before(now: Mapping[int, Standing], since: Iterable[Step]) -> dict[int, Standing]:
    """What stood, by the numbers of rules, before so many steps, which are in their order. What a merge took back of
    what these gave stays taken.
    """
    found = {rule_no: replace(one, awards=Counter(one.awards)) for rule_no, one in now.items()}
    seen = set[int]()
    for step in since:
        one = found.setdefault(step.rule_no, Standing())
        one.counted -= step.counts
        one.awards.subtract(step.given)
        one.awards.update(step.fallen)
        if step.rule_no not in seen:
            one.owed = step.owed
        seen.add(step.rule_no)
    for one in found.values():
        one.awards = +one.awards
    return found


class Counts:
    """Counts a member's purchases and returns one after the other. `standing` is brought forward."""

    def __init__(
        self,
        book: Rulebook,
        standing: dict[int, Standing],
        times: Mapping[str, int],
        budgets: Budgets,
        paid: Iterable[Step],
    ) -> None:
        """`paid` are the steps since the moment: what they gave, budgets have paid for."""
        self.standing = standing
        self._budgets, self._paid = budgets, dict[int, int]()
        by_awards = {one.campaign_id for one in book.campaigns if one.counts_awards}
        counted = {one.rule_no for one in book.versions if one.rule.campaign in by_awards}
        for step in paid:
            points = len(step.given) if step.rule_no in counted else sum(award.points for award in step.given)
            self._paid[step.rule_no] = self._paid.get(step.rule_no, 0) + points
        self.given_us: dict[Award, int] = {}
        """When the purchase happened with which an award was given anew."""
        self._book, self._times = book, dict(times)
        self._tallies: dict[str, dict[int, Tally]] = {}

    def tallies(self, purchase_id: str) -> tuple[Tally, ...]:
        """What was counted with a purchase, less what came back of it."""
        return tuple(self._tallies.get(purchase_id, {}).values())

    def recall(self, purchase: Purchase, back: CameBack) -> None:
        """Has a purchase known that was counted before, when so much of it had come back."""
        if isinstance(purchase.terms, FrozenTerms) and purchase.tallies:
            numbers = _numbers(purchase.terms, purchase.tallies, back)
            recalled = {one.rule_no: replace(one, counts=numbers[one.rule_no]) for one in purchase.tallies}
            self._tallies[purchase.purchase_id] = recalled

    def buy(self, purchase_id: str, rated: Rated, refused: Set[int]) -> tuple[Rated, tuple[Step, ...]]:
        """Counts a purchase; answers it with what is counted, and what that did. Its awards are not to be given by it:
        they are told by what stands in the end. `refused` are the rules whose awards a budget did not cover with it.
        """
        entry = rated.entry
        self._times[purchase_id] = entry.event_us
        standing = {(entry.member_no, rule_no): one.counting for rule_no, one in self.standing.items()}
        decided, ids = Decided(self._paid, refused), {entry.place: purchase_id}
        counted = count(self._book, [rated], ids, standing, self._budgets, decided)
        [rated] = counted.rated
        steps = steps_of(rated)
        for step in steps:
            one = self.standing.setdefault(step.rule_no, Standing())
            one.counted += step.counts
            one.owed = counted.counting[entry.member_no, step.rule_no].owed
            one.awards.update(step.given)
            self.given_us |= dict.fromkeys(step.given, entry.event_us)
        tallies = tuple(one.written() for one in rated.tallies)
        self._tallies[purchase_id] = {one.rule_no: one for one in tallies}
        return rated._replace(tallies=tallies), steps

    def bring_back(self, purchase_id: str, terms: PlainTerms | FrozenTerms, back: CameBack) -> tuple[Step, ...]:
        """Counts less for all that came back of a purchase; answers what that did."""
        steps, tallies = list[Step](), self._tallies.get(purchase_id, {})
        if not isinstance(terms, FrozenTerms) or not tallies:
            return ()
        numbers = _numbers(terms, tallies.values(), back)
        for tally in list(tallies.values()):
            less = tally.counts - numbers[tally.rule_no]
            if less <= 0:
                continue
            one = self.standing[tally.rule_no]
            latest_first = sorted(one.awards.elements(), key=self._moment, reverse=True)
            given = [Given(place, *award) for place, award in enumerate(latest_first)]
            lower = one.counting._replace(counted=one.counted - less)
            places, after = fall(tally.count, lower, given, purchase_id)
            fallen = tuple(latest_first[place] for place in places)
            steps.append(Step(tally.rule_no, -less, one.owed, (), fallen))
            tallies[tally.rule_no] = replace(tally, counts=numbers[tally.rule_no])
            one.counted, one.owed = after.counted, after.owed
            one.awards.subtract(fallen)
        return tuple(steps)

    def _moment(self, award: Award) -> tuple[int, str]:
        return self._times.get(award.purchase_id, 0), award.purchase_id


def _numbers(terms: FrozenTerms, tallies: Iterable[Tally], back: CameBack) -> dict[int, int]:
    """What rules count of what is kept of a purchase, by their numbers."""
    left, by_no = kept(terms.parts, back), {term.rule_no: term for term in terms.counts}
    return {one.rule_no: number_of(by_no[one.rule_no], pieces=one.count.pieces, kept=left) for one in tallies}


class Held(NamedTuple):
    """An award that stands as it is recorded."""

    award_no: int
    award: Award
    times: Times
    """Those of its bonus."""


class Wanted(NamedTuple):
    """An award that is to stand, given by a purchase of that time, with the times of its bonus."""

    award: Award
    event_time: datetime
    times: Times


class Difference(NamedTuple):
    """What makes the awards that stand those that are to stand."""

    moved: dict[int, str]
    """With which purchase awards were reached, by their numbers, that stand for others."""
    fallen: list[Held]
    given: list[Wanted]


def difference(held: Sequence[Held], wanted: Sequence[Wanted]) -> Difference:
    """Takes back and gives as little as can be: an award stands for one of as many points with the same times."""
    left, given, moved = list(held), list(wanted), dict[int, str]()
    for same in (_itself, _worth):
        missing = []
        for one in given:
            old = next((old for old in left if same(old) == same(one)), None)
            if old is None:
                missing.append(one)
                continue
            left.remove(old)
            if old.award != one.award:
                moved[old.award_no] = one.award.purchase_id
        given = missing
    return Difference(moved, left, given)


def _itself(one: Held | Wanted) -> tuple[object, ...]:
    return one.award, one.times


def _worth(one: Held | Wanted) -> tuple[object, ...]:
    return one.award.points, one.times
