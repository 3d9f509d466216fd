"""Tiers: reached at once, kept until the end of the next year."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from membership.domain import program as programs
from membership.domain.calendar import Calendar, ExpiryKind, ExpiryPolicy
from membership.domain.earning import Rounding
from membership.domain.moments import to_microseconds
from membership.domain.program import Program, Settings
from membership.domain.rating import Entry, rate
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Outcome, Rule, Version
from membership.domain.tier_policy import TierPolicy
from membership.domain.tiers import Tier, TierSet, progress

VIB, ROUGE = Tier("vib", 350, Fraction(5, 4)), Tier("rouge", 1000, Fraction(3, 2))
SEPHORA = TierSet([VIB, ROUGE])
CALENDAR = Calendar("America/New_York")


def base(rate: Fraction, rounding: Rounding, minimum_spend: int = 0) -> Rule:
    return Rule("base", Outcome.SPEND, rate, rounding, minimum_spend=minimum_spend)


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "program_id": "acme",
        "unit_id": "points",
        "currency_code": "USD",
        "rule": base(Fraction(1, 100), Rounding.DOWN),
        "expiry": None,
        "welcome_points": 0,
        "tiers": (VIB, ROUGE),
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]  # the test gives what it means


PROGRAM = Program(1, settings(), "America/New_York", datetime(2026, 1, 1, tzinfo=UTC))
BOOK = Rulebook([Version(1, 1, 1, PROGRAM.settings.rule, False, 0, PROGRAM.create_time)], (VIB, ROUGE))


def moment(*parts: int) -> int:
    return to_microseconds(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]  # year, month, day


@pytest.mark.parametrize(
    ("this_year", "last_year", "tier"),
    [
        (0, 0, ""),
        (349, 0, ""),
        (350, 0, "vib"),
        (999, 0, "vib"),
        (1000, 0, "rouge"),
        (0, 1000, "rouge"),
        (350, 1000, "rouge"),
    ],
)
def test_sephora_thresholds_are_kept_through_the_next_year(this_year: int, last_year: int, tier: str) -> None:
    """Source: Sephora Beauty Insider: VIB at $350, Rouge at $1,000 in a calendar year, kept through the next
    year's end.
    """
    assert SEPHORA.tier_id(SEPHORA.level(this_year, last_year)) == tier


def test_progress_says_what_is_missing_and_how_long_the_tier_lasts() -> None:
    standing = progress(SEPHORA, CALENDAR, 1998, 200, 400)
    assert (standing.tier_id, standing.next_tier_id, standing.missing_to_next_tier) == ("vib", "rouge", 800)
    assert standing.tier_end_time == CALENDAR.start_of_year(1999)
    assert progress(SEPHORA, CALENDAR, 1998, 350, 0).tier_end_time == CALENDAR.start_of_year(2000)
    below, top = progress(SEPHORA, CALENDAR, 1998, 0, 0), progress(SEPHORA, CALENDAR, 1998, 5000, 0)
    assert (below.tier_id, below.tier_end_time, below.missing_to_next_tier) == ("", None, 350)
    assert (top.next_tier_id, top.missing_to_next_tier) == ("", 0)


def test_the_next_purchase_uses_the_new_multiplier() -> None:
    entries = [Entry(moment(1997, 5, day), day, 7, 350_00) for day in (1, 2)]
    first, second = rate(PROGRAM, BOOK, entries, {})
    assert (first.level, first.base_points, first.tier_points, first.level_after) == (0, 350, 0, 1)
    assert (second.level, second.base_points, second.tier_points) == (1, 350, 87)


def test_rows_are_rated_in_event_time_order_and_ties_in_the_order_of_rows() -> None:
    late, early, tie = (
        Entry(moment(1997, 6, 1), 0, 7, 100_00),
        Entry(moment(1997, 5, 1), 1, 7, 350_00),
        Entry(moment(1997, 5, 1), 2, 7, 100_00),
    )
    rated = rate(PROGRAM, BOOK, [late, early, tie], {})
    assert [(one.entry.place, one.level) for one in rated] == [(1, 0), (2, 1), (0, 1)]


def test_years_count_apart_and_the_year_before_keeps_the_tier() -> None:
    points = {(7, 1997): 400}
    last_minute = Entry(to_microseconds(datetime(1998, 1, 1, 4, 59, tzinfo=UTC)), 0, 7, 10_00)
    next_year = Entry(to_microseconds(datetime(1998, 1, 1, 5, 0, tzinfo=UTC)), 1, 7, 10_00)
    year_after = Entry(moment(1999, 2, 1), 2, 7, 10_00)
    assert [one.level for one in rate(PROGRAM, BOOK, [last_minute, next_year, year_after], points)] == [1, 1, 0]
    assert points == {(7, 1997): 412, (7, 1998): 12, (7, 1999): 10}


@given(st.lists(st.tuples(st.integers(0, 3 * 365), st.integers(0, 500_00), st.integers(1, 3)), max_size=30), st.data())
def test_cutting_a_sorted_history_into_chunks_changes_no_award(
    rows: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    day_us = 86_400 * 10**6
    entries = sorted(
        Entry(moment(1997, 1, 1) + day * day_us, place, member, amount)
        for place, (day, amount, member) in enumerate(rows)
    )
    at = data.draw(st.integers(0, len(entries)))
    whole = rate(PROGRAM, BOOK, entries, {})
    points: dict[tuple[int, int], int] = {}
    assert rate(PROGRAM, BOOK, entries[:at], points) + rate(PROGRAM, BOOK, entries[at:], points) == whole
    assert sum(points.values()) == sum(one.base_points + one.tier_points for one in whole)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency_code": "usd"}, "program.currency_code"),
        ({"welcome_points": -1}, "program.welcome_points"),
        ({"expiry": ExpiryPolicy(0)}, "program.expiry_policy.months"),
        ({"expiry": ExpiryPolicy(12, month_day=(1, 1))}, "program.expiry_policy.calendar_month"),
        (
            {"expiry": ExpiryPolicy(0, kind=ExpiryKind.CALENDAR_DATE, month_day=(2, 30))},
            "program.expiry_policy.calendar_day",
        ),
        ({"tier_policy": TierPolicy(counted_after_days=-1)}, "program.tier_policy.counted_after_days"),
        ({"tier_policy": TierPolicy(grace_days=181)}, "program.tier_policy.grace_days"),
        ({"rule": base(Fraction(0), Rounding.DOWN)}, "program.earning_rule.points_per_minor_unit"),
        ({"rule": base(Fraction(10**6), Rounding.DOWN)}, "program.earning_rule.points_per_minor_unit"),
        ({"rule": base(Fraction(1), Rounding.DOWN, minimum_spend=-1)}, "program.earning_rule.minimum_spend"),
        ({"tiers": (ROUGE, VIB)}, "program.tiers[1].threshold"),
        ({"tiers": (VIB, Tier("vib", 400, Fraction(2)))}, "program.tiers"),
        ({"tiers": (Tier("a b", 1, Fraction(2)),)}, "program.tiers[0].tier_id"),
        ({"tiers": (Tier("low", 1, Fraction(1, 2)),)}, "program.tiers[0].multiplier"),
        ({"tiers": tuple(Tier(f"t{n}", n, Fraction(1)) for n in range(21))}, "program.tiers"),
    ],
)
def test_settings_out_of_bounds_are_refused_by_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        programs.check(settings(**changes))
    assert field in [violation.field for violation in refusal.value.violations]


def test_good_settings_pass() -> None:
    good = settings(welcome_points=100, expiry=ExpiryPolicy(12))
    assert programs.check(good) is good
