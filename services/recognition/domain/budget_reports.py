"""What became of an organisation's points in a month, and how long they last if that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from recognition.domain.flows import Flow, FlowKind, Place
from recognition.domain.months import Month

_OUTSTANDING = frozenset({Place.ALLOWANCE, Place.MANAGER_BUDGET, Place.AWARD_BUDGET, Place.RESERVE})
_MICROSECOND = timedelta(microseconds=1)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BudgetMonth:
    """A month of the budget (`balance`), of what was granted from it and not given yet (`outstanding`), and of what
    people received and have (`earned`). Of each, what it had and all that moved come to what it has at the end.
    """

    month: Month
    final: bool
    opening_balance: int
    opening_outstanding: int
    opening_earned: int
    funded: int = 0
    allowances: int = 0
    boosts: int = 0
    manager_budgets: int = 0
    award_budgets: int = 0
    imported: int = 0
    expired: int = 0
    returned: int = 0
    returned_from_leavers: int = 0
    other_balance: int = 0
    given: int = 0
    awarded: int = 0
    taken_back: int = 0
    other_outstanding: int = 0
    redeemed: int = 0
    redemptions_returned: int = 0
    exchanged: int = 0
    other_earned: int = 0

    @property
    def granted(self) -> int:
        """What went out of the budget to be given."""
        return self.allowances + self.boosts + self.manager_budgets + self.award_budgets

    @property
    def used(self) -> int:
        """What the budget has less for it, but for what was bought."""
        back = self.expired + self.returned + self.returned_from_leavers
        return self.granted + self.imported - back - self.other_balance

    @property
    def closing_balance(self) -> int:
        """What the budget has at the end."""
        return self.opening_balance + self.funded - self.used

    @property
    def closing_outstanding(self) -> int:
        """What is granted and not given at the end."""
        came = self.granted + self.taken_back + self.other_outstanding
        return self.opening_outstanding + came - self.given - self.awarded - self.expired - self.returned

    @property
    def closing_earned(self) -> int:
        """What people have to redeem at the end."""
        came = self.given + self.awarded + self.imported + self.redemptions_returned + self.other_earned
        went = self.taken_back + self.redeemed + self.exchanged + self.returned_from_leavers
        return self.opening_earned + came - went


@dataclass(frozen=True, slots=True)
class BudgetForecast:
    """What the months that are over used of the budget, on average and to the nearest point, a half up; and when what
    is left is used up if that goes on: None where it never is.
    """

    monthly_use: int
    used_up_time: datetime | None


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """Months of an organisation, from all that the ledger recorded before `read_time`; no forecast where none of them
    is over.
    """

    months: tuple[BudgetMonth, ...]
    read_time: datetime
    forecast: BudgetForecast | None


def report(
    months: Sequence[Month],
    flows: Mapping[Flow, int],
    credit_limit: int | None,
    final_until: datetime,
    read_time: datetime,
) -> BudgetReport:
    """The report on `months`, which follow each other, of all `flows` of one organisation. What is over at
    `final_until` is final. Where `credit_limit` is None, nothing limits the budget.
    """
    by_month: dict[date, Counter[tuple[FlowKind, Place, Place]]] = {}
    for flow, amount in flows.items():
        by_month.setdefault(flow.month, Counter())[flow.kind, flow.source, flow.destination] += amount
    before = [one for first_day, one in by_month.items() if first_day < months[0].first_day]
    opening = tuple(sum(_net(one, pool) for one in before) for pool in _POOLS)
    found = []
    for month in months:
        one = _month(month, month.end_time <= final_until, opening, by_month.get(month.first_day, Counter()))
        opening = one.closing_balance, one.closing_outstanding, one.closing_earned
        found.append(one)
    left = None if credit_limit is None else credit_limit + sum(_net(one, _POOLS[0]) for one in by_month.values())
    return BudgetReport(tuple(found), read_time, forecast(found, left, read_time))


def forecast(months: Sequence[BudgetMonth], left: int | None, read_time: datetime) -> BudgetForecast | None:
    """What the months that are over say of the time to come; `left` is what can still be granted, None: anything."""
    over = [month for month in months if month.final]
    if not over:
        return None
    used = sum(month.used for month in over)
    average = int((Fraction(used, len(over)) + Fraction(1, 2)) // 1)
    if left is None or used <= 0:
        return BudgetForecast(average, None)
    passed = sum((month.month.end_time - month.month.start_time for month in over), timedelta())
    lasts = max(left, 0) * (passed // _MICROSECOND) // used
    if lasts >= (_LAST - read_time) // _MICROSECOND:
        return BudgetForecast(average, None)
    return BudgetForecast(average, read_time + lasts * _MICROSECOND)


_POOLS = (frozenset({Place.BUDGET}), _OUTSTANDING, frozenset({Place.REWARDS}))


def _net(moved: Mapping[tuple[FlowKind, Place, Place], int], pool: frozenset[Place]) -> int:
    """What came into these places, less what left them."""
    return sum(
        amount * ((destination in pool) - (source in pool)) for (_, source, destination), amount in moved.items()
    )


def _month(
    month: Month, final: bool, opening: tuple[int, ...], moved: Counter[tuple[FlowKind, Place, Place]]
) -> BudgetMonth:
    lines: Counter[str] = Counter()
    for (kind, source, destination), amount in moved.items():
        for line, sign in _lines(kind, source, destination):
            lines[line] += sign * amount
    return BudgetMonth(month, final, *opening, **lines)


_LINES: dict[tuple[Place, Place], tuple[str, int]] = {
    (Place.ISSUANCE, Place.BUDGET): ("funded", 1),
    (Place.BUDGET, Place.ISSUANCE): ("funded", -1),
    (Place.BUDGET, Place.ALLOWANCE): ("allowances", 1),
    (Place.BUDGET, Place.MANAGER_BUDGET): ("manager_budgets", 1),
    (Place.BUDGET, Place.AWARD_BUDGET): ("award_budgets", 1),
    (Place.BUDGET, Place.REWARDS): ("imported", 1),
    (Place.REWARDS, Place.BUDGET): ("imported", -1),
    (Place.ALLOWANCE, Place.REWARDS): ("given", 1),
    (Place.RESERVE, Place.REWARDS): ("given", 1),
    (Place.MANAGER_BUDGET, Place.REWARDS): ("awarded", 1),
    (Place.AWARD_BUDGET, Place.REWARDS): ("awarded", 1),
    (Place.REWARDS, Place.REDEMPTION): ("redeemed", 1),
    (Place.REDEMPTION, Place.REWARDS): ("redemptions_returned", 1),
    (Place.REWARDS, Place.EXCHANGE): ("exchanged", 1),
    (Place.EXCHANGE, Place.REWARDS): ("exchanged", -1),
    **{(place, Place.BUDGET): ("returned", 1) for place in _OUTSTANDING},
    **{(Place.REWARDS, place): ("taken_back", 1) for place in _OUTSTANDING},
}
_LINES_OF_KINDS: dict[tuple[FlowKind, Place, Place], tuple[str, int]] = {
    (FlowKind.BOOST, Place.BUDGET, Place.ALLOWANCE): ("boosts", 1),
    **{(FlowKind.EXPIRY, place, Place.BUDGET): ("expired", 1) for place in _OUTSTANDING},
    (FlowKind.FUND, Place.REWARDS, Place.BUDGET): ("returned_from_leavers", 1),
    (FlowKind.REVERSAL, Place.BUDGET, Place.REWARDS): ("returned_from_leavers", -1),
}
_OTHERS = ("other_balance", "other_outstanding", "other_earned")


def _lines(kind: FlowKind, source: Place, destination: Place) -> list[tuple[str, int]]:
    """In which lines a flow counts, and how: what nothing names, such as corrections, counts as other where it came
    from and where it went.
    """
    named = _LINES_OF_KINDS.get((kind, source, destination)) or _LINES.get((source, destination))
    if named is not None:
        return [named]
    changes = ((destination in pool) - (source in pool) for pool in _POOLS)
    return [(line, change) for line, change in zip(_OTHERS, changes, strict=True) if change]
