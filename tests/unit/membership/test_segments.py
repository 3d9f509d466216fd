"""What segments say of members, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from membership.domain.members import Member
from membership.domain.profiles import NOTHING_KNOWN
from membership.domain.program import Program, Settings
from membership.domain.purchases import State
from membership.domain.rules import Outcome, Rule
from membership.domain.segments import BoughtInYear, Known, SegmentTerms, about, violations

NOW = datetime(2026, 3, 1, 4, 59, tzinfo=UTC)
"""Still 28 February in New York."""
SETTINGS = Settings(
    "p", "points", "USD", Rule("base", Outcome.SPEND, Fraction(1)), None, 0, (), purchase_statistics=True
)
PROGRAM = Program(1, SETTINGS, "America/New_York", NOW)
ADA = Known(
    member=Member(1, "ada", State.POSTED, NOW - timedelta(days=30, hours=1), 0, None),
    tier_id="gold",
    points=(40, 900),
    profile=replace(NOTHING_KNOWN, email="ada@example.com", region_code="US", birth_date=date(1990, 3, 1)),
    bought=(
        BoughtInYear(2024, 5, 50_00, NOW - timedelta(days=600)),
        BoughtInYear(2025, 2, 30_00, NOW - timedelta(days=91)),
        BoughtInYear(2026, 0, 0, NOW - timedelta(days=61)),
    ),
)
NOBODY = Known(Member(2, "new", State.POSTED, NOW, 0, None), "", (0, 0))


@pytest.mark.parametrize(
    "condition",
    [
        "member.tier == 'gold' && member.year_points == 40 && member.last_year_points == 900 && member.days == 30",
        "profile.region_code.startsWith('US') && profile.has_email && !profile.has_phone && !profile.has_card",
        "profile.birth_month == 3 && profile.age == 35",
        "purchases.count == 7 && purchases.spend == 8000",
        "purchases.year_count == 0 && purchases.year_spend == 0 && purchases.last_year_count == 2 && member.days > 0",
        "purchases.last_year_spend == 3000",
        "purchases.days_since_last > 60 && purchases.days_since_last < 90",
    ],
)
def test_a_condition_looks_at_what_is_known_of_a_member(condition: str) -> None:
    terms = SegmentTerms("", condition)
    assert not list(violations(PROGRAM, "s", terms))
    assert terms.holds(about(PROGRAM, ADA, NOW))
    assert not terms.holds(about(PROGRAM, NOBODY, NOW))


def test_of_whom_nothing_is_known_this_is_told_apart_from_zero() -> None:
    unknown = SegmentTerms("", "profile.age == -1 && profile.birth_month == 0 && purchases.days_since_last == -1")
    assert unknown.holds(about(PROGRAM, NOBODY, NOW))


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", "Syntax error"),
        ("member.tier", "must be of type bool"),
        ("member.tier > 5", "1:13"),
        ("profile.email == 'ada@example.com'", "undeclared reference"),
        ("purchase.amount > 5", "undeclared reference"),
        ("true || " * 100 + "true", "at most 500"),
        ("member.tier == '\0'", "1:17: no NUL characters"),
    ],
)
def test_a_condition_that_cannot_be_asked_of_a_member_is_refused_with_the_place(condition: str, said: str) -> None:
    [wrong] = violations(PROGRAM, "s", SegmentTerms("", condition))
    assert wrong.field == "condition"
    assert said in wrong.description


def test_what_a_program_does_not_count_cannot_be_asked_for() -> None:
    program = Program(1, replace(SETTINGS, purchase_statistics=False), "UTC", NOW)
    [wrong] = violations(program, "s", SegmentTerms("", "'purchases.count' != '' && purchases .count > 2"))
    assert "purchase_statistics" in wrong.description
    assert not list(violations(program, "s", SegmentTerms("", "member.tier == 'purchases.count'")))
