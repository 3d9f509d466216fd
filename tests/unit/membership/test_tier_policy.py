"""How tiers are reached and kept: by each metric and period, with each way down, through the days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.calendar import plus_months
from membership.domain.tier_policy import Downgrade, Held, Period, TierPolicy, Walk
from membership.domain.tiers import Tier, TierSet


def tiers(*thresholds: int) -> TierSet:
    return TierSet([Tier(f"t{threshold}", threshold, Fraction(1)) for threshold in thresholds])


def walk(levels: TierSet, policy: TierPolicy, joined: date, bought: dict[date, int]) -> Walk:
    return Walk(levels, policy, joined.toordinal(), {day.toordinal(): amount for day, amount in bought.items()})


def held(one: Walk, day: date) -> tuple[int, date | None]:
    level, end = one.to(day.toordinal())
    return level, None if end is None else date.fromordinal(end)


JOINED = date(2024, 2, 29)


def test_starbucks_any_twelve_months() -> None:
    """Source: Starbucks Rewards from March 2026: Gold at 500 Stars in any twelve months, Reserve at 2,500."""
    starbucks, rolling = tiers(500, 2500), TierPolicy(period=Period.ROLLING_YEAR)
    one = walk(starbucks, rolling, JOINED, {date(2025, 11, 2): 300, date(2026, 4, 1): 200, date(2026, 11, 3): 2300})
    assert held(one, date(2026, 3, 31)) == (0, None)
    assert held(one, date(2026, 4, 1)) == (1, date(2027, 4, 1))
    assert held(one, date(2026, 11, 2)) == (1, date(2027, 4, 1))
    assert held(one, date(2026, 11, 3)) == (2, date(2027, 11, 3)), "the 300 of a year and a day ago count no more"
    assert held(one, date(2027, 11, 2)) == (2, date(2027, 11, 3))
    assert held(one, date(2027, 11, 3)) == (0, None)


def test_sephora_is_kept_through_the_next_years_end() -> None:
    """Source: Sephora Beauty Insider: VIB at $350, Rouge at $1,000 in a calendar year, kept through the next
    year's end.
    """
    one = walk(tiers(350, 1000), TierPolicy(), JOINED, {date(2025, 12, 31): 1000, date(2026, 6, 1): 400})
    assert held(one, date(2025, 12, 31)) == (2, date(2027, 1, 1))
    assert held(one, date(2026, 12, 31)) == (2, date(2027, 1, 1))
    assert held(one, date(2027, 1, 1)) == (1, date(2028, 1, 1))
    assert held(one, date(2028, 1, 1)) == (0, None)


@pytest.mark.parametrize(
    ("downgrade", "after"), [(Downgrade.TO_LEVEL_EARNED, 0), (Downgrade.ONE_LEVEL, 1), (Downgrade.NEVER, 2)]
)
def test_what_follows_a_tier_that_is_not_kept(downgrade: Downgrade, after: int) -> None:
    one = walk(tiers(100, 200), TierPolicy(downgrade=downgrade), JOINED, {date(2024, 5, 1): 200})
    assert held(one, date(2025, 12, 31))[0] == 2
    assert held(one, date(2026, 1, 1))[0] == after
    assert held(one, date(2027, 1, 1))[0] == (2 if downgrade is Downgrade.NEVER else 0)


def test_a_years_end_has_its_grace_and_what_counts_in_it_keeps_the_tier() -> None:
    policy = TierPolicy(grace_days=31)
    lost = walk(tiers(100), policy, JOINED, {date(2024, 5, 1): 100})
    assert held(lost, date(2026, 1, 31)) == (1, date(2026, 1, 1))
    assert held(lost, date(2026, 2, 1)) == (0, None)
    kept = walk(tiers(100), policy, JOINED, {date(2024, 5, 1): 100, date(2026, 1, 31): 100})
    assert held(kept, date(2026, 2, 1)) == (1, date(2028, 1, 1))


def test_less_that_counts_in_the_days_of_grace_is_not_lost_with_the_tier() -> None:
    one = walk(tiers(100, 200), TierPolicy(grace_days=31), JOINED, {date(2024, 5, 1): 200, date(2026, 1, 15): 100})
    assert held(one, date(2026, 1, 31))[0] == 2
    assert held(one, date(2026, 2, 1)) == (1, date(2028, 1, 1))


def test_a_members_year_begins_with_joining_and_leap_days_are_kept_on_the_28th() -> None:
    policy = TierPolicy(period=Period.MEMBER_YEAR)
    one = walk(tiers(100), policy, JOINED, {date(2025, 2, 27): 50, date(2025, 2, 28): 50, date(2026, 2, 27): 50})
    assert held(one, date(2025, 2, 28)) == (0, None), "the first year ended the day before"
    assert held(one, date(2026, 2, 27)) == (1, date(2027, 2, 28))


def test_a_purchase_counts_once_its_return_window_has_closed() -> None:
    one = walk(tiers(100), TierPolicy(counted_after_days=30), JOINED, {date(2025, 12, 15): 100})
    assert held(one, date(2026, 1, 13)) == (0, None)
    assert (one.counted(one.day), one.waiting(one.day)) == (0, 100)
    assert held(one, date(2026, 1, 14)) == (1, date(2028, 1, 1)), "in the year in which it counts"


def test_a_tier_that_asks_for_nothing_is_never_lost() -> None:
    one = walk(tiers(0, 100), TierPolicy(), JOINED, {date(2024, 5, 1): 100})
    assert held(one, date(2024, 4, 30)) == (1, None)
    assert held(one, date(2024, 5, 1)) == (2, date(2026, 1, 1))
    assert held(one, date(2026, 1, 1)) == (1, None)


FIRST = date(2023, 2, 20)
purchases = st.dictionaries(
    st.integers(0, 4 * 366).map(lambda days: FIRST + timedelta(days=days)), st.integers(0, 150), max_size=25
)
policies = st.builds(
    TierPolicy,
    period=st.sampled_from(Period),
    downgrade=st.sampled_from(Downgrade),
    counted_after_days=st.sampled_from([0, 14]),
    grace_days=st.sampled_from([0, 31]),
)
LEVELS = tiers(50, 120, 300)


@given(purchases, st.sampled_from([0, 14]))
def test_by_calendar_years_the_level_is_that_of_the_better_of_two_years(bought: dict[date, int], later: int) -> None:
    one = walk(LEVELS, TierPolicy(counted_after_days=later), FIRST, bought)
    for day in (FIRST + timedelta(days=n) for n in range(0, 5 * 366, 7)):
        counts = {b + timedelta(days=later): amount for b, amount in bought.items()}
        known = [(b.year, amount) for b, amount in counts.items() if b <= day]
        this, last = (sum(amount for year, amount in known if year == one_) for one_ in (day.year, day.year - 1))
        assert one.to(day.toordinal()).level == LEVELS.level(this, last)


def day_by_day(  # noqa: C901  # a day as the words say it, in one place
    policy: TierPolicy, joined: date, bought: dict[date, int], last: date
) -> list[int]:
    """The level of each day, looked at day by day as the words of the policy say."""
    counts = {day + timedelta(days=policy.counted_after_days): amount for day, amount in bought.items()}
    begins = [plus_months(joined, 12 * n) for n in range(-10, 20)]
    if policy.period is Period.CALENDAR_YEAR:
        begins = [date(year, 1, 1) for year in range(2010, 2040)]

    def next_begin(day: date) -> date:
        return min(one for one in begins if one > day)

    def reached(of: Callable[[date], bool]) -> int:
        return LEVELS.level(sum(amount for day, amount in counts.items() if of(day)), 0)

    rolling = policy.period is Period.ROLLING_YEAR

    def enough(day: date, at: date) -> int:
        if rolling:
            return reached(lambda one: one <= day and plus_months(one, 12) > at)
        return reached(lambda one: one <= day and next_begin(one) == next_begin(day))

    level, end, levels, day = 0, None, [], FIRST
    while day <= last:
        if end is not None and day == end + timedelta(days=policy.grace_days):
            earned = enough(end - timedelta(days=1), end)
            level = max(earned, level - 1) if policy.downgrade is Downgrade.ONE_LEVEL else earned
            end = (plus_months(end, 12) if rolling else next_begin(end)) if level else None
            before = day - timedelta(days=1)
            if level <= (again := enough(before, day)) and again:
                until = plus_months(before, 12) if rolling else next_begin(next_begin(before))
                level, end = again, max(until, end) if end and again == level else until
        if counts.get(day) and (now := enough(day, day)) >= level and now:
            until = plus_months(day, 12) if rolling else next_begin(next_begin(day))
            level, end = now, max(until, end) if end and now == level else until
        if policy.downgrade is Downgrade.NEVER:
            end = None
        levels.append(level)
        day += timedelta(days=1)
    return levels


@given(policies, purchases)
def test_the_level_is_what_a_look_at_every_day_says(policy: TierPolicy, bought: dict[date, int]) -> None:
    last = FIRST + timedelta(days=6 * 366)
    one = walk(LEVELS, policy, FIRST, bought)
    expected = day_by_day(policy, FIRST, bought, last)
    assert [one.to(FIRST.toordinal() + n).level for n in range(len(expected))] == expected


@given(policies, purchases, st.data())
def test_what_is_added_on_the_way_counts_as_if_it_had_been_known(
    policy: TierPolicy, bought: dict[date, int], data: st.DataObject
) -> None:
    stored = {day: amount for day, amount in bought.items() if data.draw(st.booleans())}
    whole, growing = walk(LEVELS, policy, FIRST, bought), walk(LEVELS, policy, FIRST, stored)
    for day in sorted(bought.keys() - stored.keys()):
        growing.to(day.toordinal())
        growing.add(day.toordinal(), bought[day])
    last = FIRST.toordinal() + 6 * 366
    assert growing.to(last) == whole.to(last)


def test_nothing_is_held_by_who_bought_nothing() -> None:
    assert walk(LEVELS, TierPolicy(), FIRST, {}).to(FIRST.toordinal()) == Held(0, None)
