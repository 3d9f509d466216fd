"""What of two members' referrals is left when they are one person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from membership.domain.merging_referrals import changed, reached_together
from membership.domain.referrals import Claimed, Milestone, Referral, ReferralState, Refusal

OPEN, QUALIFIED, TAKEN_BACK, REFUSED = (
    ReferralState.OPEN,
    ReferralState.QUALIFIED,
    ReferralState.TAKEN_BACK,
    ReferralState.REFUSED,
)
ADA, BEN, CLEO, DORA = 1, 2, 3, 4
"""Cleo and Dora are one person; Ada and Ben are two others."""


def of(friend_no: int, advocate_no: int, state: ReferralState, day: int = 1) -> Referral:
    """A referral of one by the other."""
    return Referral(
        advocate_no=advocate_no,
        advocate_id=f"a{advocate_no}",
        friend_no=friend_no,
        friend_id=f"f{friend_no}",
        claimed=Claimed(friend_no, f"f{friend_no}", advocate_no),
        version=1,
        state=state,
        refusal=Refusal.ALREADY_ENROLLED if state is REFUSED else None,
        warned=False,
        claim_time=datetime(2026, 3, day, tzinfo=UTC),
        qualify_time=None,
        purchase_id=None,
        milestone=None,
        advocate_points=100,
        friend_points=25,
    )


@pytest.mark.parametrize(
    ("referrals", "bought", "expected"),
    [
        ([], set(), []),
        ([of(CLEO, ADA, OPEN)], set(), []),
        ([of(CLEO, ADA, OPEN)], {CLEO}, []),
        ([of(CLEO, ADA, OPEN)], {DORA}, [(CLEO, REFUSED, Refusal.NOT_FIRST_ORDER)]),
        ([of(CLEO, ADA, QUALIFIED)], {CLEO, DORA}, []),
        ([of(CLEO, ADA, OPEN, 2), of(DORA, BEN, OPEN, 1)], set(), [(CLEO, REFUSED, Refusal.ALREADY_REFERRED)]),
        ([of(CLEO, ADA, OPEN, 1), of(DORA, BEN, QUALIFIED, 2)], {DORA}, [(CLEO, REFUSED, Refusal.ALREADY_REFERRED)]),
        ([of(CLEO, ADA, QUALIFIED, 1), of(DORA, BEN, QUALIFIED, 2)], {CLEO, DORA}, [(DORA, TAKEN_BACK, None)]),
        ([of(CLEO, ADA, QUALIFIED, 1), of(DORA, ADA, QUALIFIED, 2)], {CLEO, DORA}, [(DORA, TAKEN_BACK, None)]),
        ([of(CLEO, ADA, OPEN, 1), of(DORA, BEN, TAKEN_BACK, 2)], {DORA}, [(CLEO, REFUSED, Refusal.ALREADY_REFERRED)]),
        ([of(CLEO, ADA, REFUSED), of(DORA, BEN, REFUSED)], {CLEO, DORA}, []),
        ([of(CLEO, DORA, OPEN)], set(), [(CLEO, REFUSED, Refusal.SELF_REFERRAL)]),
        ([of(DORA, CLEO, QUALIFIED)], {DORA}, [(DORA, TAKEN_BACK, None)]),
        ([of(DORA, CLEO, QUALIFIED), of(CLEO, ADA, OPEN)], set(), [(DORA, TAKEN_BACK, None)]),
    ],
)
def test_a_person_was_brought_once_by_somebody_else_before_the_first_order(
    referrals: list[Referral], bought: set[int], expected: list[tuple[int, ReferralState, Refusal | None]]
) -> None:
    for given in (referrals, referrals[::-1]):
        found = changed(given, {CLEO, DORA}, bought)
        assert [(one.friend_no, one.state, one.refusal) for one in found] == expected
        kept = [replace(one, state=OPEN, refusal=None) for one in given]
        assert {replace(one, state=OPEN, refusal=None) for one in found} <= set(kept), "nothing else of it changes"


@pytest.mark.parametrize(
    ("friends", "reached"), [((2, 0), []), ((1, 1), []), ((2, 1), [3]), ((3, 3), []), ((3, 9), [10]), ((2, 8), [10])]
)
def test_a_merge_reaches_what_neither_had_reached_alone(friends: tuple[int, int], reached: list[int]) -> None:
    milestones = (Milestone(3, 300), Milestone(10, 1000))
    for pair in (friends, friends[::-1]):
        assert [one.friends for one in reached_together(milestones, pair)] == reached
