"""Points with times of their own: which are a tranche, when each can be spent, what returns take of which."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.availability import Availability, OnEvent, plus_days
from membership.domain.calendar import ExpiryKind, ExpiryPolicy
from membership.domain.clawbacks import CameBack, kept, taken
from membership.domain.stacking import give
from membership.domain.timing import timed
from membership.domain.tranches import Times, Tranche, bonus_id, divide, share
from tests.unit.membership.programs import NOW, PER_DOLLAR, bonus, book, program, rated, times

AUGUST = datetime(2026, 8, 1, tzinfo=UTC)
OWN, LATER, SOONER = Times(None, None), Times(NOW, None), Times(None, AUGUST)
THREE_DAYS, YEAR = Availability(after_days=3), ExpiryPolicy(12)


@pytest.mark.parametrize(
    ("by_rule", "points", "expected"),
    [
        ({}, [5, 5, 5], []),
        ({2: OWN}, [5, 5, 5], []),
        ({2: LATER}, [5, 0, 5], []),
        ({2: LATER}, [5, 6, 7], [Tranche(12, None, None, (0, 2)), Tranche(6, NOW, None, (1,))]),
        ({1: LATER, 2: LATER, 3: LATER}, [5, 6, 7], [Tranche(18, NOW, None, (0, 1, 2))]),
        ({1: LATER, 2: SOONER, 3: LATER}, [5, 6, 7], [Tranche(6, None, AUGUST, (1,)), Tranche(12, NOW, None, (0, 2))]),
        ({1: LATER, 2: SOONER}, [0, 0, 0], []),
    ],
)
def test_points_with_the_same_times_are_a_tranche_and_the_programs_come_first(
    by_rule: dict[int, Times], points: list[int], expected: list[Tranche]
) -> None:
    assert divide([1, 2, 3], points, by_rule, OWN) == tuple(expected)


@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_returns_take_what_each_tranches_rules_do_not_give_and_everything_at_last(
    seed: int, mild: bool, loses: bool
) -> None:
    dice = Random(seed)
    rules = [
        replace(PER_DOLLAR, rate=Fraction(dice.randint(1, 40), 1_000)),
        times("r2", Fraction(dice.randint(11, 40), 10), availability=THREE_DAYS, caps=((1, dice.randint(1, 90)),)),
        times("r3", Fraction(dice.randint(11, 40), 10), expiry=YEAR),
        bonus(
            "r4", dice.randint(1, 99), minimum_spend=30_00, availability=Availability(after_days=dice.choice([3, 4]))
        ),
    ]
    of, amount = program(rules, Fraction(5, 4)), dice.randint(1, 99_99)
    frozen = timed(of, book(rules, of.settings.tiers), rated(rules, amount, Fraction(5, 4)), NOW, None).frozen
    assert frozen is not None
    given_, terms, parts = frozen.tranches, frozen.terms, frozen.parts
    assert not given_ or sum(one.points for one in given_) == sum(frozen.points)
    left, back, so_far = [one.points for one in given_], 0, 0
    gone = frozenset[int]()
    for turn, refund in enumerate([*(dice.randint(1, amount) for _ in range(4)), amount]):
        if loses and given_ and turn == 1:  # the event that a tranche waited for is not told
            place = dice.randrange(len(given_))
            gone, so_far, left[place] = frozenset(given_[place].places), so_far + left[place], 0
        back = min(amount, back + refund)
        came = CameBack(amount=back)
        in_all = max(so_far, taken(terms, parts, came, mild=mild, lost=gone))
        if given_:
            before = [one.points - rest for one, rest in zip(given_, left, strict=True)]
            shares = share(given_, before, give(terms, kept(parts, came)), in_all - so_far)
            left = [rest - part for rest, part in zip(left, shares, strict=True)]
            assert sum(shares) == in_all - so_far
            assert min(left) >= 0
        so_far = in_all
    assert not any(left)


def test_days_are_counted_on_the_wall_clock() -> None:
    before_the_change = datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert plus_days(before_the_change, 1, "America/New_York") == datetime(2026, 11, 1, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("availability", "window", "expiry", "field"),
    [
        (Availability(), 0, ExpiryPolicy(0, kind=ExpiryKind.CALENDAR_DATE, month_day=(12, 31)), None),
        (Availability(after_days=366), 0, None, None),
        (Availability(after_days=27), 0, ExpiryPolicy(1), None),
        (Availability(after_days=28), 0, ExpiryPolicy(1), "after_days"),
        (Availability(after_days=1), 0, ExpiryPolicy(0, kind=ExpiryKind.CALENDAR_DATE, month_day=(1, 1)), "after_days"),
        (Availability(after_days=-1), 0, None, "after_days"),
        (Availability(after_return_window=True), 30, ExpiryPolicy(2), None),
        (Availability(after_return_window=True), 30, ExpiryPolicy(1), "after_return_window"),
        (Availability(after_return_window=True), 0, None, "after_return_window"),
        (Availability(on_event=OnEvent("delivered", 366)), 0, None, None),
        (Availability(on_event=OnEvent("delivered", 0)), 0, None, "on_event.wait_days"),
        (Availability(on_event=OnEvent("delivered", 28)), 0, ExpiryPolicy(1), "on_event.wait_days"),
        (Availability(on_event=OnEvent("", 1)), 0, None, "on_event.event"),
    ],
)
def test_points_can_be_spent_before_they_expire(
    availability: Availability, window: int, expiry: ExpiryPolicy | None, field: str | None
) -> None:
    found = [one.field for one in availability.violations("a", window, expiry)]
    assert found == ([f"a.{field}"] if field else [])


@given(st.integers(86_400, 180 * 366 * 86_400), st.integers(1, 13), st.data())
def test_whatever_is_allowed_is_available_before_it_expires(moment_s: int, months: int, data: Any) -> None:
    earned = datetime.fromtimestamp(moment_s, UTC)
    days = data.draw(st.integers(0, min(366, months * 28 - 1)))
    dated = data.draw(st.sampled_from([{}, {"kind": ExpiryKind.CALENDAR_DATE, "month_day": (2, 29)}]))
    policy = ExpiryPolicy(months, **dated)
    assert not [*Availability(after_days=days).violations("", 0, policy)]
    zone = data.draw(st.sampled_from(["America/New_York", "Pacific/Apia", "Africa/Monrovia"]))
    assert plus_days(earned, days, zone) < policy.expire_time(earned, zone)


def test_the_longest_purchase_id_still_names_its_tranches() -> None:
    assert len(bonus_id("p" * 60, 49)) <= 64
