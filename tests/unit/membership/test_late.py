"""Whatever the order in which purchases and returns arrive, they come to what they come to in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from membership.domain import earning, tallies
from membership.domain.campaigns import Budgets
from membership.domain.clawbacks import Asked, CameBack, cumulative, keeps_something, kept, together
from membership.domain.counting import Key, count
from membership.domain.late import Happened, Moment, Replayed, Stretch, Sums
from membership.domain.late_changes import split
from membership.domain.late_counts import Award, Standing
from membership.domain.late_replay import replay
from membership.domain.levels import Levels, counted_of
from membership.domain.members import Member
from membership.domain.moments import to_microseconds
from membership.domain.program import Program, Settings
from membership.domain.purchases import FrozenTerms, Purchase, State
from membership.domain.rating import BoughtBefore, Entry, Rated, Scene, Use, rate, terms_of
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Count, Outcome, Period, Rule, Version
from membership.domain.tallies import Tally
from membership.domain.tier_policy import Metric, TierPolicy, Walk
from membership.domain.tier_policy import Period as Over
from membership.domain.tiers import Tier
from tests.unit.membership.programs import PER_DOLLAR, bonus, times

START = datetime(2025, 12, 20, 5, tzinfo=UTC)
MEMBER = Member(7, "ada", State.POSTED, datetime(2025, 11, 23, tzinfo=UTC), 0, None)
TIERS = (Tier("silver", 60, Fraction(5, 4)), Tier("gold", 200, Fraction(2)))


@dataclass(frozen=True)
class Bought:
    """A purchase, by hours since the start."""

    purchase_id: str
    hour: int
    amount: int

    @property
    def moment(self) -> Moment:
        return Moment(to_microseconds(START + timedelta(hours=self.hour)), "", self.purchase_id)

    def entry(self, place: int) -> Entry:
        return Entry(self.moment.event_us, place, MEMBER.member_no, self.amount)


@dataclass(frozen=True)
class Back:
    """A return of some of a purchase, or, of amount 0, of all that is left."""

    of: Bought
    number: int
    hour: int
    amount: int

    @property
    def asked(self) -> Asked:
        event_time = START + timedelta(hours=self.hour)
        return Asked(f"r{self.number}", self.of.purchase_id, event_time, self.amount, whole=not self.amount)

    @property
    def moment(self) -> Moment:
        event_us = to_microseconds(max(self.asked.event_time, START + timedelta(hours=self.of.hour)))
        return Moment(event_us, self.asked.return_id, self.of.purchase_id)


@dataclass
class Books:
    """What a service keeps of a member."""

    program: Program
    rules: Rulebook
    sums: Sums = field(default_factory=lambda: Sums({}, {}, {}, MEMBER.enroll_time.toordinal()))
    happened: dict[Moment, Happened] = field(default_factory=dict)
    purchases: dict[str, Purchase] = field(default_factory=dict)
    returns: dict[str, list[Asked]] = field(default_factory=dict)
    bought: BoughtBefore = field(default_factory=BoughtBefore)
    budgets: Budgets = field(default_factory=Budgets)
    inside: Sequence[str] = ()
    """The segments that the member is in."""

    def earned(self) -> dict[str, tuple[earning.Award, int]]:
        return {one.purchase_id: (one.award, one.returned_points) for one in self.purchases.values()}

    def counted(self) -> dict[int, Standing]:
        return {no: one for no, one in self.sums.counts.items() if one != Standing()}

    def outcome(self) -> tuple[object, ...]:
        """What each purchase earned and lost, and what counts of it."""
        return (
            self.earned(),
            self.counted(),
            {one.purchase_id: one.tallies for one in self.purchases.values()},
            {year: points for year, points in self.sums.years.items() if points},
            {day: counts for day, counts in self.sums.days.items() if counts},
            {use: used for use, used in self.sums.uses.items() if used},
        )

    def buy(self, some: Sequence[Bought]) -> None:
        """Records purchases that came together, in time or late."""
        start = min(one.moment for one in some)
        fresh = {one.moment: one.entry(place) for place, one in enumerate(some)}
        done = replay(self.program, self.rules, self._stretch(start, fresh), self.budgets)
        self._count_bought(len(some), sum(one.amount for one in some))
        for one in done.rated:
            [bought] = [bought for bought in some if fresh[bought.moment] == one.entry]
            self.purchases[bought.purchase_id] = Purchase(
                purchase_id=bought.purchase_id,
                member_id="ada",
                event_time=START + timedelta(hours=bought.hour),
                record_time=START,
                amount=bought.amount,
                level=one.level,
                terms=terms_of(self.rules, one),
                award=earning.Award(one.base_points, one.tier_points, one.rule_points),
                expire_time=None,
                state=State.POSTED,
                transaction="",
                spot=None,
                returned_amount=0,
                returned_points=0,
                tallies=one.tallies,
            )
        self._keep(done)

    def bring_back(self, back: Back) -> bool:
        """Records a return, as in time; and what happened after it once more. False where it is refused, as more has
        come back already than it would leave.
        """
        purchase = self.purchases[back.of.purchase_id]
        before = reduce(together, self.returns.get(purchase.purchase_id, ()), CameBack())
        if back.amount > purchase.amount - purchase.returned_amount or not _left(purchase, before):
            return False
        after, mild = together(before, back.asked), self.program.settings.mild_returns
        returned, taken = cumulative(purchase.terms, purchase.amount, after, mild=mild)
        taken = max(taken, purchase.returned_points)
        gone = _left(purchase, before) and not _left(purchase, after)
        points, amount = taken - purchase.returned_points, returned - purchase.returned_amount
        policy, calendar = self.program.settings.tier_policy, self.program.calendar
        counts = 0 if policy.plain else counted_of(policy, points, amount, visit=gone)
        year, day = calendar.year_at(purchase.event_time), calendar.day_at(purchase.event_time)
        self.sums.years[year] = self.sums.years.get(year, 0) - points
        self.sums.days[day] = self.sums.days.get(day, 0) - counts
        self.happened[back.moment] = Happened(back.moment, -points, -counts)
        self.returns.setdefault(purchase.purchase_id, []).append(back.asked)
        self.purchases[purchase.purchase_id] = replace(purchase, returned_amount=returned, returned_points=taken)
        self._count_bought(-gone, -amount)
        self._keep(replay(self.program, self.rules, self._stretch(back.moment, {}), self.budgets))
        return True

    def _count_bought(self, purchases: int, spend: int) -> None:
        self.bought = BoughtBefore(self.bought.purchases + purchases, self.bought.spend + spend)

    def _stretch(self, start: Moment, fresh: dict[Moment, Entry]) -> Stretch:
        last: dict[int, int] = {}
        for moment, one in self.happened.items():
            for rule_no in one.rule_nos if moment < start else ():
                last[rule_no] = max(last.get(rule_no, 0), moment.event_us)
        before = [one.event_us for one in self.happened if one < start and not one.return_id]
        since = [one for moment, one in self.happened.items() if moment >= start]
        return Stretch(
            MEMBER,
            since,
            {one.moment.purchase_id: self.purchases[one.moment.purchase_id] for one in since},
            self.returns,
            fresh,
            {},
            last,
            self.sums,
            times={one.purchase_id: to_microseconds(one.event_time) for one in self.purchases.values()},
            bought=self.bought._replace(last_us=max(before, default=None)),
            segments=self.inside,
        )

    def _keep(self, done: Replayed) -> None:
        self.sums = done.sums
        self.happened |= {one.moment: one for one in done.happened}
        for purchase, rated, terms, returned, counted in done.rerated:
            now = replace(purchase, terms=terms, returned_points=returned, tallies=counted)
            if rated is not None:
                award = earning.Award(rated.base_points, rated.tier_points, rated.rule_points)
                now = replace(now, level=rated.level, award=award)
            self.purchases[purchase.purchase_id] = now


def _left(purchase: Purchase, back: CameBack) -> bool:
    return keeps_something(purchase.terms, purchase.amount, back)


class Counting:
    """What rules count when each event comes as it happens, as it is kept where nothing comes late."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules
        self._standing: dict[Key, tallies.Counting] = {}
        self._awards: dict[Key, list[tallies.Given]] = {}
        self._tallies: dict[str, tuple[Tally, ...]] = {}
        self._hours: dict[str, int] = {}

    def outcome(self) -> dict[int, Standing]:
        return {
            key[1]: Standing(one.counted, Counter(Award(*award[1:]) for award in self._awards.get(key, ())), one.owed)
            for key, one in self._standing.items()
            if one != tallies.Counting()
        }

    def buy(self, of: Bought, rated: Rated) -> None:
        done = count(self._rules, [rated], {rated.entry.place: of.purchase_id}, self._standing, Budgets())
        [rated], self._standing = done.rated, done.counting
        self._tallies[of.purchase_id], self._hours[of.purchase_id] = rated.tallies, of.hour
        for tally in rated.tallies:
            awards = self._awards.setdefault((MEMBER.member_no, tally.rule_no), [])
            awards += [tallies.Given(0, *one) for one in zip(tally.reached_with, tally.awards, strict=True)]

    def bring_back(self, of: Bought, terms: FrozenTerms, back: CameBack) -> None:
        for tally in self._tallies[of.purchase_id]:
            key = MEMBER.member_no, tally.rule_no
            [term] = [term for term in terms.counts if term.rule_no == tally.rule_no]
            counts = tallies.number_of(term, pieces=tally.count.pieces, kept=kept(terms.parts, back))
            less, one = tally.counts - counts, self._standing[key]
            latest_first = sorted(
                self._awards[key], key=lambda one: (self._hours[one.purchase_id], one.purchase_id), reverse=True
            )
            given = [award._replace(award_no=place) for place, award in enumerate(latest_first)]
            fallen, after = tallies.fall(tally.count, one._replace(counted=one.counted - less), given, of.purchase_id)
            self._awards[key] = [award for award in given if award.award_no not in fallen]
            self._standing[key] = after
            self._tallies[of.purchase_id] = tuple(
                replace(other, counts=counts) if other is tally else other for other in self._tallies[of.purchase_id]
            )


def in_order(
    program: Program, rules: Rulebook, done: Sequence[Bought | Back]
) -> tuple[dict[str, tuple[earning.Award, int]], dict[int, Standing]]:
    """What purchases earn and lose, and what is counted, when each event is recorded as it happens."""
    counting = Counting(rules)
    points: dict[tuple[int, int], int] = {}
    uses: dict[Use, int] = {}
    days: dict[int, int] = {}
    found: dict[str, tuple[earning.Award, int]] = {}
    terms, back = {}, dict[str, CameBack]()
    bought = {MEMBER.member_no: BoughtBefore()}
    policy, calendar = program.settings.tier_policy, program.calendar
    for one in sorted(done, key=lambda one: one.moment):
        of = one if isinstance(one, Bought) else one.of
        bought_at = START + timedelta(hours=of.hour)
        day, year = calendar.day_at(bought_at), (MEMBER.member_no, calendar.year_at(bought_at))
        if isinstance(one, Bought):
            walk = Walk(program.tier_set, policy, MEMBER.enroll_time.toordinal(), days)
            levels = None if policy.plain else Levels(policy, calendar, {MEMBER.member_no: walk})
            scene = Scene({}, {MEMBER.member_no: MEMBER}, uses, bought=bought)
            [rated] = rate(program, rules, [one.entry(0)], points, scene, levels)
            found[of.purchase_id] = earning.Award(rated.base_points, rated.tier_points, rated.rule_points), 0
            terms[of.purchase_id], back[of.purchase_id] = terms_of(rules, rated), CameBack()
            counts = counted_of(policy, rated.points, one.amount)
            counting.buy(one, rated)
        else:
            (award, before), of_it = found[of.purchase_id], terms[of.purchase_id]
            after = together(back[of.purchase_id], one.asked)
            was, _ = cumulative(of_it, of.amount, back[of.purchase_id], mild=program.settings.mild_returns)
            returned, taken = cumulative(of_it, of.amount, after, mild=program.settings.mild_returns)
            taken = max(taken, before)
            left = [keeps_something(of_it, of.amount, some) for some in (back[of.purchase_id], after)]
            had = bought[MEMBER.member_no]
            less = had._replace(purchases=had.purchases - (left == [True, False]), spend=had.spend - (returned - was))
            bought[MEMBER.member_no] = less
            counts = -counted_of(policy, taken - before, returned - was, visit=left == [True, False])
            points[year] = points.get(year, 0) - (taken - before)
            found[of.purchase_id], back[of.purchase_id] = (award, taken), after
            if isinstance(of_it, FrozenTerms):
                counting.bring_back(of, of_it, after)
        if not policy.plain:
            days[day] = days.get(day, 0) + counts
    return found, counting.outcome()


def versions(*rules: tuple[Rule, int]) -> list[Version]:
    """Rules, each in force from so many hours after the start on."""
    effective = [to_microseconds(START + timedelta(hours=hour)) if hour else 0 for _, hour in rules]
    return [Version(no, 1, no, rule, False, effective[no - 1], START) for no, (rule, _) in enumerate(rules, start=1)]


CAPPED = replace(PER_DOLLAR, caps=((Period.DAY, 90), (Period.MONTH, 250)), cooldown_s=3 * 3600)
BOOKS = [
    versions((PER_DOLLAR, 0)),
    versions((CAPPED, 0)),
    versions((PER_DOLLAR, 0), (times("late", 2, condition="member.year_points > 100"), 200)),
    versions(
        (replace(PER_DOLLAR, minimum_spend=20_00), 0),
        (Rule("visit", Outcome.VISIT, Fraction(15), cooldown_s=24 * 3600), 0),
        (bonus("gold", 40, condition="member.tier == 'gold'", caps=((Period.WEEK, 40),)), 0),
        (bonus("ever", 25, minimum_spend=50_00, caps=((Period.EVER, 60),)), 100),
    ),
]
COUNTING = [
    bonus("third", 70, count=Count(pieces=False, number=3, repeats=True)),
    bonus("first", 40, count=Count(pieces=False, number=1, repeats=False), minimum_spend=20_00),
    bonus("gold", 30, count=Count(pieces=False, number=2, repeats=False), condition="member.tier == 'gold'"),
]
BOOKS.append(versions((CAPPED, 0), *((rule, 0) for rule in COUNTING)))
BOOKS.append(
    versions(
        (PER_DOLLAR, 0),
        (bonus("second", 35, condition="purchases.count == 1"), 0),
        (bonus("loyal", 20, condition="purchases.spend > 10000 && purchases.days_since_last < 3"), 0),
        (times("back", 2, condition="purchases.days_since_last > 5"), 0),
    )
)
POLICIES = [
    TierPolicy(),
    TierPolicy(counted_after_days=3),
    TierPolicy(Metric.SPEND, Over.ROLLING_YEAR),
    TierPolicy(Metric.VISITS, Over.MEMBER_YEAR),
]


@st.composite
def histories(draw: st.DrawFn) -> list[Bought | Back]:
    """Purchases and returns over the turn of a year, some at the same time, in the order in which they arrive."""
    hours, cents = st.integers(0, 24 * 24), st.integers(0, 120_00)
    bought = [Bought(f"p{n}", draw(hours), draw(cents)) for n in range(draw(st.integers(1, 7)))]
    done: list[Bought | Back] = list(bought)
    for one in bought:
        left = one.amount
        for _ in range(draw(st.integers(0, 2)) if left else 0):
            amount = draw(st.integers(0, left))  # 0: all that is left
            after = draw(st.integers(0, 100))
            done.append(Back(one, len(done), one.hour + after, amount))
            left -= amount or left
            if not left:
                break
    return draw(st.permutations(done))


@settings(max_examples=80, deadline=None)
@given(histories(), st.sampled_from(BOOKS), st.sampled_from(POLICIES), st.booleans(), st.data())
def test_whatever_the_order_of_arrival_all_comes_to_what_it_comes_to_in_order(
    arriving: list[Bought | Back], made: list[Version], policy: TierPolicy, mild: bool, data: st.DataObject
) -> None:
    of_metric = {Metric.POINTS: Fraction(1), Metric.SPEND: Fraction(100), Metric.VISITS: Fraction(1, 30)}[policy.metric]
    tiers = tuple(replace(tier, threshold=int(tier.threshold * of_metric)) for tier in TIERS)
    of_program = Settings(
        "acme", "points", "USD", PER_DOLLAR, None, 0, tiers, tier_policy=policy, mild_returns=mild, late_days=30
    )
    program = Program(1, of_program, "America/New_York", START)
    rules = Rulebook(made, tiers)
    books, waiting = Books(program, rules), list[Back]()
    some, taken = list[Bought](), list[Back]()
    for one in arriving:
        if isinstance(one, Bought):
            some.append(one)
            if data.draw(st.booleans()):
                continue  # it is sent together with the next
        elif one.of.purchase_id not in books.purchases:
            waiting.append(one)
            continue
        else:
            taken += [one] * books.bring_back(one)
            continue
        books.buy(some)
        some = []
        for back in [back for back in waiting if back.of.purchase_id in books.purchases]:
            waiting.remove(back)
            taken += [back] * books.bring_back(back)
    if some:
        books.buy(some)
    for back in waiting:
        taken += [back] * books.bring_back(back)
    happened = [one for one in arriving if isinstance(one, Bought) or one in taken]  # what was refused has not
    assert (books.earned(), books.counted()) == in_order(program, rules, happened)
    again = Books(program, rules)
    for one in sorted(happened, key=lambda one: one.moment):
        if isinstance(one, Bought):
            again.buy([one])
        else:
            again.bring_back(one)
    assert books.outcome() == again.outcome()


def test_points_are_taken_of_the_latest_credit_first() -> None:
    assert split(30, [("a", 10), ("b", 0), ("c", 25)]) == {"c": 25, "a": 5}
    assert split(60, [("a", 10), ("c", 25)]) == {"c": 25, "a": 10}
    assert split(10, []) == {}
