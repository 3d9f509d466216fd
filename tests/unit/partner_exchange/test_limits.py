"""Limits: what fits under them, when their periods begin and end, and what a partner may owe at most."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.errors import DailyLimit, MonthlyLimit, VelocityLimit
from partner_exchange.domain.limits import (
    CAP_MAX,
    Cap,
    Limits,
    Period,
    Scope,
    Used,
    Velocity,
    check_limits,
    check_room,
    check_velocity,
    counters,
    net_debit_refusal,
)

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # an hour that London skips half an hour later
DAY, MONTH = Period.DAY, Period.MONTH


def test_an_exchange_is_counted_for_its_member_its_pair_and_its_partner_by_day_and_month_of_the_zone() -> None:
    limits = Limits({(Scope.PAIR, "air", DAY): Cap(points=5), (Scope.PAIR, "sea", DAY): Cap(points=7)})
    late = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)  # the first of July in London
    counts = counters(limits, "m-1", "air", late, LONDON)
    assert [(c.scope, c.subject, c.period, c.begin) for c in counts] == [
        (scope, subject, period, date(2026, 7, 1))
        for scope, subject in ((Scope.MEMBER, "m-1"), (Scope.PAIR, "air"), (Scope.PARTNER, ""))
        for period in (DAY, MONTH)
    ]
    assert [c.cap for c in counts if c.cap != Cap()] == [Cap(points=5)]


@pytest.mark.parametrize(
    ("period", "refusal", "reset"),
    [
        (DAY, DailyLimit, "2026-03-29T23:00:00+00:00"),  # 23 hours: the clocks go forward
        (MONTH, MonthlyLimit, "2026-03-31T23:00:00+00:00"),
    ],
)
def test_what_would_pass_a_cap_is_refused_with_the_numbers(
    period: Period, refusal: type[DailyLimit | MonthlyLimit], reset: str
) -> None:
    counts = counters(Limits({(Scope.MEMBER, "", period): Cap(100, 3)}), "m-1", "air", NOW, LONDON)
    key = Scope.MEMBER, "m-1", period
    check_room(counts, {}, 100, LONDON)
    check_room(counts, {key: Used(60, 2)}, 40, LONDON)
    with pytest.raises(refusal) as refused:
        check_room(counts, {key: Used(60, 2)}, 41, LONDON)
    assert refused.value.metadata == {
        "scope": "MEMBER",
        "measure": "POINTS",
        "limit": "100",
        "used": "60",
        "requested": "41",
        "reset_time": reset,
    }
    with pytest.raises(refusal) as refused:
        check_room(counts, {key: Used(60, 3)}, 1, LONDON)
    assert (refused.value.metadata["measure"], refused.value.metadata["used"]) == ("EXCHANGES", "3")


@given(st.dates(date(2024, 1, 1), date(2027, 12, 31)))
def test_a_period_ends_where_the_next_one_begins(day: date) -> None:
    for period in Period:
        begin = period.begin(day)
        assert begin <= day < period.end(begin)
        assert period.begin(period.end(begin)) == period.end(begin)
        assert period.begin(period.end(begin) - timedelta(days=1)) == begin


def test_a_member_may_exchange_again_once_the_oldest_that_counts_has_left_the_time() -> None:
    velocity = Velocity(2, timedelta(minutes=10))
    check_velocity(velocity, [NOW])
    with pytest.raises(VelocityLimit) as refused:
        check_velocity(velocity, [NOW, NOW - timedelta(minutes=9)])
    assert refused.value.metadata == {
        "limit": "2",
        "used": "2",
        "requested": "1",
        "within_minutes": "10",
        "reset_time": (NOW + timedelta(minutes=1)).isoformat(),
    }


@pytest.mark.parametrize(
    ("cap", "collateral", "ratio", "most"),
    [
        (None, None, 1, None),
        (70, None, 1, 70),
        (None, 100, 1, 100),
        (None, 100, Fraction(3, 2), 66),
        (50, 100, Fraction(3, 2), 50),
        (0, 100, 1, 0),
    ],
)
def test_a_partner_owes_at_most_its_cap_and_what_its_collateral_covers_rounded_down(
    cap: int | None, collateral: int | None, ratio: Fraction | int, most: int | None
) -> None:
    limits = Limits(net_debit_cap=cap, collateral=collateral, cover_ratio=Fraction(ratio))
    check_limits(limits, [])
    assert limits.most_owed == most


def test_what_a_partner_owes_is_said_in_whole_minor_units_rounded_up() -> None:
    refusal = net_debit_refusal("aurora", 4, Fraction(7, 2), Fraction(2, 3))
    assert refusal.metadata == {"partner": "partners/aurora", "cap": "4", "used": "4", "requested": "1"}


@pytest.mark.parametrize(
    ("limits", "receivers", "field"),
    [
        (Limits(net_debit_cap=101, collateral=100), [], "limits.net_debit_cap"),
        (Limits(net_debit_cap=67, collateral=100, cover_ratio=Fraction(3, 2)), [], "limits.net_debit_cap"),
        (Limits(net_debit_cap=-1), [], "limits.net_debit_cap"),
        (Limits(collateral=CAP_MAX + 1), [], "limits.collateral"),
        (Limits(cover_ratio=Fraction(1, 2)), [], "limits.cover_ratio"),
        (Limits(cover_ratio=Fraction(1001)), [], "limits.cover_ratio"),
        (Limits(velocity=Velocity(0, timedelta(minutes=1))), [], "limits.member_velocity.exchanges"),
        (Limits(velocity=Velocity(1, timedelta(seconds=90))), [], "limits.member_velocity.within"),
        (Limits(velocity=Velocity(1, timedelta(days=1, minutes=1))), [], "limits.member_velocity.within"),
        (Limits({(Scope.MEMBER, "", DAY): Cap(points=-1)}), [], "limits.member.daily_points"),
        (
            Limits({(Scope.PARTNER, "", MONTH): Cap(exchanges=CAP_MAX + 1)}),
            [],
            "limits.total.monthly_exchanges",
        ),
        (Limits(), ["air", "air"], "limits.pairs[1].receiver_id"),
        (Limits(), ["."], "limits.pairs[0].receiver_id"),
    ],
)
def test_limits_out_of_their_bounds_are_named(limits: Limits, receivers: list[str], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_limits(limits, receivers)
    assert [violation.field for violation in refused.value.violations] == [field]
