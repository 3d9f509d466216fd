"""What is refused of a referral, what qualifies, and how codes and addresses are compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from membership.domain.calendar import ExpiryPolicy
from membership.domain.referrals import (
    CODE_ALPHABET,
    Claim,
    Milestone,
    QualifyingEvent,
    ReferralState,
    ReferralTerms,
    Refusal,
    address_key,
    code_key,
    refusal,
    violations,
    weigh,
)

TERMS = ReferralTerms(
    event=QualifyingEvent.FIRST_PURCHASE,
    minimum_spend=20_00,
    advocate_points=100,
    friend_points=50,
    milestones=(Milestone(3, 300), Milestone(10, 1000)),
    expiry=None,
    address_warning=2,
    address_limit=5,
    closed=False,
)
SIGN_UP = replace(TERMS, event=QualifyingEvent.SIGN_UP)
CLAIM = Claim(own=False, referred=False, enrolling=False, bought=False, same_contact=False, from_address=0)
DAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("terms", "claim", "why"),
    [
        (TERMS, CLAIM, None),
        (TERMS, replace(CLAIM, own=True, bought=True), Refusal.SELF_REFERRAL),
        (TERMS, replace(CLAIM, referred=True), Refusal.ALREADY_REFERRED),
        (TERMS, replace(CLAIM, bought=True), Refusal.NOT_FIRST_ORDER),
        (TERMS, replace(CLAIM, same_contact=True), Refusal.SAME_CONTACT),
        (TERMS, replace(CLAIM, from_address=4), None),
        (TERMS, replace(CLAIM, from_address=5), Refusal.TOO_MANY_FROM_ADDRESS),
        (SIGN_UP, CLAIM, Refusal.ALREADY_ENROLLED),
        (SIGN_UP, replace(CLAIM, enrolling=True), None),
    ],
)
def test_a_claim_is_refused_for_the_first_reason_there_is(
    terms: ReferralTerms, claim: Claim, why: Refusal | None
) -> None:
    assert refusal(terms, claim) is why


@pytest.mark.parametrize(
    ("bought_on", "amount", "state"),
    [
        (DAY, 20_00, ReferralState.QUALIFIED),
        (DAY, 19_99, ReferralState.OPEN),
        (date(2026, 11, 23), 20_00, ReferralState.QUALIFIED),
        (date(2026, 11, 21), 1, ReferralState.REFUSED),
    ],
)
def test_a_purchase_qualifies_from_the_minimum_on_and_an_earlier_one_shows_there_was_an_order_before(
    bought_on: date, amount: int, state: ReferralState
) -> None:
    assert weigh(TERMS, DAY, bought_on, amount) is state


def test_without_a_minimum_anything_paid_qualifies_and_nothing_paid_does_not() -> None:
    anything = replace(TERMS, minimum_spend=0)
    assert anything.qualifies(1)
    assert not anything.qualifies(0)


def test_a_milestone_is_reached_with_exactly_its_friend() -> None:
    assert [TERMS.milestone(n) for n in (2, 3, 4, 10)] == [None, Milestone(3, 300), None, Milestone(10, 1000)]


def test_codes_are_taken_as_people_type_them() -> None:
    assert code_key("abcd-ef23") == code_key(" ABCD EF23") == "ABCDEF23"
    assert code_key("ABCDEFG") is code_key("ABCDEF01") is code_key("") is None
    assert not set(CODE_ALPHABET) & set("01ILOU")


def test_an_address_is_counted_however_it_is_written_and_in_its_program_alone() -> None:
    assert address_key(1, "2001:DB8::1") == address_key(1, " 2001:db8::1 ")
    assert address_key(1, "192.0.2.1") != address_key(2, "192.0.2.1")
    assert b"192" not in address_key(1, "192.0.2.1")


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (replace(TERMS, minimum_spend=-1), "minimum_spend"),
        (replace(TERMS, advocate_points=10**9 + 1), "advocate_points"),
        (replace(TERMS, friend_points=-1), "friend_points"),
        (replace(TERMS, milestones=tuple(Milestone(n, 1) for n in range(1, 12))), "milestones"),
        (replace(TERMS, milestones=(Milestone(3, 1), Milestone(3, 1))), "milestones[1].friends"),
        (replace(TERMS, milestones=(Milestone(3, 0),)), "milestones[0].points"),
        (replace(TERMS, expiry=ExpiryPolicy(1201)), "expiry_policy.months"),
        (replace(TERMS, address_warning=-1), "address_warning"),
        (replace(TERMS, address_warning=6), "address_limit"),
    ],
)
def test_terms_have_bounds(terms: ReferralTerms, field: str) -> None:
    assert [one.field for one in violations(terms)] == [field]
