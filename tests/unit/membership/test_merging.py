"""What is kept of two memberships, and in which order points follow."""

from __future__ import annotations

from datetime import date

import pytest

from membership.domain.errors import TooManyCards
from membership.domain.merging import Part, Remains, Step, merged_profile, next_step
from membership.domain.profiles import CARDS_MAX, Profile


@pytest.mark.parametrize(
    ("remains", "expected"),
    [
        (Remains(available=-7, pending=5, debt=7, held=0), Step(3, Part.DEBT, 7)),
        (Remains(available=4, pending=5, debt=0, held=2), Step(3, Part.AVAILABLE, 4)),
        (Remains(available=0, pending=5, debt=0, held=2), Step(3, Part.PENDING, 5)),
        (Remains(available=0, pending=0, debt=0, held=2), None),
        (Remains(available=0, pending=0, debt=0, held=0), None),
    ],
)
def test_a_debt_goes_first_then_what_can_be_spent_then_what_is_pending(remains: Remains, expected: Step | None) -> None:
    assert next_step(remains, 3) == expected


def test_both_cards_are_kept_and_the_survivors_facts_go_first() -> None:
    survivor = Profile(cards=("A-1", "B2"), phone="+14155550132", display_name="Ada")
    other = Profile(cards=("a1", "C3"), phone="+14155550133", email="ada@example.com", birth_date=date(1990, 2, 28))
    assert merged_profile(survivor, other) == Profile(
        cards=("A-1", "B2", "C3"),
        phone="+14155550132",
        email="ada@example.com",
        display_name="Ada",
        birth_date=date(1990, 2, 28),
    )


def test_more_cards_than_one_member_may_have_are_refused_and_none_is_dropped() -> None:
    cards = tuple(f"card {number}" for number in range(CARDS_MAX))
    with pytest.raises(TooManyCards) as refused:
        merged_profile(Profile(cards=cards), Profile(cards=("one more",)))
    assert refused.value.metadata == {"cards": "11", "cards_max": "10"}
