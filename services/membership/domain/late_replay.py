"""What late events change: a member's purchases and returns from some moment on, rated in the order in which they
happened.

It is done by the functions that rate what comes in time, so that what comes late is rated the same. All that a member's
events counted from that moment on is taken off first; what was counted before stays as it is. What was decided by the
order of arrival stays decided: what budgets paid for and refused, and the segments that a member was in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from membership.domain.baskets import Basket
from membership.domain.campaigns import Budgets
from membership.domain.clawbacks import Asked, CameBack, cumulative, keeps_something, together
from membership.domain.late import Happened, Moment, Replayed, Rerated, Stretch, Sums, entries_of, happened
from membership.domain.late_bought import KeptThen, bought_before, still_counts
from membership.domain.late_counts import Counts, before
from membership.domain.levels import Levels, counted_of
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, PlainTerms, Purchase
from membership.domain.rating import COOLDOWN, BoughtBefore, Entry, Rated, Scene, counted, rate, terms_of, uses_of
from membership.domain.rulebooks import Rulebook
from membership.domain.tier_policy import Walk


def replay(program: Program, book: Rulebook, stretch: Stretch, budgets: Budgets) -> Replayed:
    """Rates all purchases of a stretch anew, in the order in which everything happened; what returns take follows. Of
    `budgets` is spent what campaigns give that they had not paid for before.
    """
    return _Replay(program, book, stretch, budgets).run()


@dataclass(slots=True)
class _Bought:
    """A purchase, as far as its returns need it."""

    amount: int
    year: int
    day: int
    terms: PlainTerms | FrozenTerms
    back: CameBack = field(default_factory=CameBack)
    taken: int = 0


class _Replay:
    def __init__(self, program: Program, book: Rulebook, stretch: Stretch, budgets: Budgets) -> None:
        self._program, self._book, self._stretch, self._budgets = program, book, stretch, budgets
        self._policy = program.settings.tier_policy
        self._entries = entries_of(stretch)
        self._sums = _before(program, book, stretch, self._entries)
        self._points = {(stretch.member.member_no, year): points for year, points in self._sums.years.items()}
        self._baskets, self._who = self._find_baskets(), {stretch.member.member_no: stretch.member}
        steps = (step for one in stretch.happened for step in one.steps)
        self._counts = Counts(book, self._sums.counts, stretch.times, budgets, steps)
        self._bought = self._bought_before()
        self._had = self._had_before()
        self._rated: dict[str, Rated] = {}
        self._done = Replayed(self._sums)

    def run(self) -> Replayed:
        returns = {one.return_id: one for some in self._stretch.returns.values() for one in some}
        moments = {one.moment for one in self._stretch.happened} | self._stretch.fresh.keys()
        for moment in sorted(moments):
            if moment.return_id:
                self._bring_back(moment, returns[moment.return_id])
            else:
                self._buy(moment, self._entries[moment])
        self._sums.years = {year: points for (_, year), points in self._points.items()}
        for purchase_id, purchase in self._stretch.purchases.items():
            bought = self._bought[purchase_id]
            rated, tallies = self._rated.get(purchase_id), self._counts.tallies(purchase_id)
            self._done.rerated.append(Rerated(purchase, rated, bought.terms, bought.taken, tallies))
        self._done.given_us = self._counts.given_us
        return self._done

    def _find_baskets(self) -> dict[int, Basket]:
        baskets = dict(self._stretch.baskets)
        for moment, entry in self._entries.items():
            if moment not in self._stretch.fresh:
                terms = self._stretch.purchases[moment.purchase_id].terms
                if isinstance(terms, FrozenTerms) and terms.basket is not None:
                    baskets[entry.place] = terms.basket
        return baskets

    def _bought_before(self) -> dict[str, _Bought]:
        """The purchases of before the moment, with what had come back of them then."""
        again = {one.moment.return_id for one in self._stretch.happened}
        to_come: dict[str, int] = {}
        for one in self._stretch.happened:
            if one.moment.return_id:
                to_come[one.moment.purchase_id] = to_come.get(one.moment.purchase_id, 0) - one.points
        found = {}
        for purchase_id, purchase in self._stretch.purchases.items():
            back = CameBack()
            for asked in self._stretch.returns.get(purchase_id, ()):
                if asked.return_id not in again:
                    back = together(back, asked)
            taken = purchase.returned_points - to_come.get(purchase_id, 0)
            year, day = _when(self._program, purchase)
            found[purchase_id] = _Bought(purchase.amount, year, day, purchase.terms, back, taken)
            self._counts.recall(purchase, back)
        return found

    def _had_before(self) -> dict[int, BoughtBefore]:
        """What the member had bought before the moment, where a rule asks."""
        stretch = self._stretch
        if stretch.bought is None:
            return {}
        since = {one.moment.purchase_id for one in stretch.happened if not one.moment.return_id}
        kept_then = {
            id_: KeptThen(still_counts(one.terms, one.amount, one.back), self._returned(one))
            for id_, one in self._bought.items()
            if id_ not in since
        }
        before = bought_before(stretch.bought, stretch.purchases.values(), stretch.returns, kept_then)
        return {stretch.member.member_no: before}

    def _returned(self, one: _Bought) -> int:
        return cumulative(one.terms, one.amount, one.back, mild=self._program.settings.mild_returns)[0]

    def _scene(self, moment: Moment, entry: Entry) -> Scene:
        """What the rules look at, with what was decided when the purchase arrived."""
        stretch, member_no = self._stretch, self._stretch.member.member_no
        recorded = None if moment in stretch.fresh else stretch.purchases[moment.purchase_id].terms
        inside = stretch.segments
        if isinstance(recorded, FrozenTerms):
            inside = stretch.segments if recorded.segments is None else recorded.segments
        return Scene(
            self._baskets,
            self._who,
            self._sums.uses,
            self._budgets,
            self._had,
            {} if inside is None else {member_no: list(inside)},
            {member_no: stretch.plans},
            {} if recorded is None else {entry.place: recorded},
        )

    def _buy(self, moment: Moment, entry: Entry) -> None:
        sums, policy, member_no = self._sums, self._policy, self._stretch.member.member_no
        levels = None
        if not policy.plain:
            walk = Walk(self._program.tier_set, policy, sums.joined, sums.days)
            levels = Levels(policy, self._program.calendar, {member_no: walk})
        [rated] = rate(self._program, self._book, [entry], self._points, self._scene(moment, entry), levels)
        tallies = () if moment in self._stretch.fresh else self._stretch.purchases[moment.purchase_id].tallies
        refused = {one.rule_no for one in tallies if one.uncovered}
        rated, steps = self._counts.buy(moment.purchase_id, rated, refused)
        calendar, event_time = self._program.calendar, from_microseconds(entry.event_us)
        year, day = calendar.year_at(event_time), calendar.day_at(event_time)
        self._bought[moment.purchase_id] = _Bought(entry.amount, year, day, terms_of(self._book, rated))
        self._count(day, happened(self._program, moment.purchase_id, rated)._replace(steps=steps))
        if moment in self._stretch.fresh:
            self._done.rated.append(rated._replace(level_after=rated.level))
        else:
            self._rated[moment.purchase_id] = rated

    def _bring_back(self, moment: Moment, asked: Asked) -> None:
        one, mild = self._bought[moment.purchase_id], self._program.settings.mild_returns
        after = together(one.back, asked)
        amount, _ = cumulative(one.terms, one.amount, one.back, mild=mild)
        amount_now, taken_now = cumulative(one.terms, one.amount, after, mild=mild)
        points = max(taken_now - one.taken, 0)
        gone = keeps_something(one.terms, one.amount, one.back) and not keeps_something(one.terms, one.amount, after)
        member_no = self._stretch.member.member_no
        if member_no in self._had:
            had = self._had[member_no]
            less = had._replace(purchases=had.purchases - gone, spend=had.spend - (amount_now - amount))
            self._had[member_no] = less
        key = (member_no, one.year)
        self._points[key] = self._points.get(key, 0) - points
        counts = 0 if self._policy.plain else counted_of(self._policy, points, amount_now - amount, visit=gone)
        steps = self._counts.bring_back(moment.purchase_id, one.terms, after)
        self._count(one.day, Happened(moment, -points, -counts, (), steps))
        one.back, one.taken = after, one.taken + points

    def _count(self, day: int, one: Happened) -> None:
        self._done.happened.append(one)
        if one.counts:
            self._sums.days[day] = self._sums.days.get(day, 0) + one.counts


def _before(program: Program, book: Rulebook, stretch: Stretch, entries: Mapping[Moment, Entry]) -> Sums:
    """The sums without what happened from the moment on."""
    sums = stretch.sums
    years, uses, days = dict(sums.years), dict(sums.uses), dict(sums.days)
    for moment, points, counts, _, _ in stretch.happened:
        purchase = stretch.purchases[moment.purchase_id]
        year, day = _when(program, purchase)
        years[year] = years.get(year, 0) - points
        if counts:
            days[day] = days.get(day, 0) - counts
        if not moment.return_id and isinstance(purchase.terms, FrozenTerms):
            for use, given in counted(program, book, entries[moment], purchase.terms):
                uses[use] = uses.get(use, 0) - given
    for use in uses_of(program, book, entries.values()):
        if use.period == COOLDOWN:
            uses.pop(use, None)
            if use.rule_no in stretch.last_us:
                uses[use] = stretch.last_us[use.rule_no]
    steps = (step for one in sorted(stretch.happened) for step in one.steps)
    return Sums(years, uses, days, sums.joined, before(sums.counts, steps))


def _when(program: Program, purchase: Purchase) -> tuple[int, int]:
    """The year and the day of a purchase."""
    return program.calendar.year_at(purchase.event_time), program.calendar.day_at(purchase.event_time)
