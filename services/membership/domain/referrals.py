"""Referrals: who brought whom, what that brings both, and why it may bring nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from hashlib import blake2b
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation
from membership.domain.bonuses import POINTS_MAX
from membership.domain.calendar import ExpiryPolicy
from membership.domain.earning import AMOUNT_MAX

COUNT_MAX = 10**6
MILESTONES_MAX = 10
ADDRESS_LENGTH_MAX = 100
ADDRESS_WINDOW = timedelta(days=7)
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without letters and digits that look alike."""
CODE_LENGTH = 8
_CODE = re.compile(rf"[{CODE_ALPHABET}]{{{CODE_LENGTH}}}")


class QualifyingEvent(IntEnum):
    """What has a referral rewarded. The values are stored."""

    SIGN_UP = 1
    FIRST_PURCHASE = 2


class ReferralState(IntEnum):
    """How far a referral has come. The values are stored."""

    OPEN = 1
    QUALIFIED = 2
    REFUSED = 3
    TAKEN_BACK = 4


class Refusal(IntEnum):
    """Why a referral brings nothing; see the contract. The values are stored."""

    SELF_REFERRAL = 1
    ALREADY_REFERRED = 2
    NOT_FIRST_ORDER = 3
    ALREADY_ENROLLED = 4
    SAME_CONTACT = 5
    TOO_MANY_FROM_ADDRESS = 6


class Milestone(NamedTuple):
    """A prize for the advocate of so many friends."""

    friends: int
    points: int


@dataclass(frozen=True, slots=True)
class ReferralTerms:
    """What a program gives for referrals; see the contract's `ReferralTerms`. Amounts in minor units."""

    event: QualifyingEvent
    minimum_spend: int
    advocate_points: int
    friend_points: int
    milestones: tuple[Milestone, ...]
    expiry: ExpiryPolicy | None
    address_warning: int
    address_limit: int
    closed: bool

    def qualifies(self, amount: int) -> bool:
        """Whether a purchase of that amount, less what was returned of it, qualifies."""
        return amount >= max(1, self.minimum_spend)

    def milestone(self, friends: int) -> Milestone | None:
        """The milestone that the friend of that number reaches."""
        return next((one for one in self.milestones if one.friends == friends), None)


@dataclass(frozen=True, slots=True)
class CodeGiven:
    """A code as a friend gives it, and where from; empty where that is not told."""

    code: str
    source_address: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of a friend who claims a code."""

    own: bool
    """The friend is the advocate, or has brought the advocate."""
    referred: bool
    """Somebody else brought the friend."""
    enrolling: bool
    """The friend enrols with the code."""
    bought: bool
    same_contact: bool
    """Somebody who left had the friend's telephone number or email address."""
    from_address: int
    """Referrals claimed from the address in the last seven days, without this one."""


class Claimed(NamedTuple):
    """The ids under which a referral was claimed: what it gives goes by them, also when the members are merged."""

    friend_no: int
    friend_id: str
    advocate_no: int


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as stored. Advocate and friend are who stands for them now."""

    advocate_no: int
    advocate_id: str
    friend_no: int
    friend_id: str
    claimed: Claimed
    version: int
    state: ReferralState
    refusal: Refusal | None
    warned: bool
    claim_time: datetime
    qualify_time: datetime | None
    purchase_id: str | None
    milestone: int | None
    advocate_points: int
    friend_points: int

    @property
    def bonus_ids(self) -> tuple[str, str, str]:
        """The ids of what it may give: the friend's bonus, the advocate's, and the prize of a milestone."""
        friend_id = self.claimed.friend_id
        return f"f-{friend_id}", f"v-{friend_id}", f"n-{friend_id}"


def refusal(terms: ReferralTerms, claim: Claim) -> Refusal | None:
    """Why a claim is refused; None where it is not."""
    if claim.own:
        return Refusal.SELF_REFERRAL
    if claim.referred:
        return Refusal.ALREADY_REFERRED
    if claim.bought:
        return Refusal.NOT_FIRST_ORDER
    if terms.event is QualifyingEvent.SIGN_UP and not claim.enrolling:
        return Refusal.ALREADY_ENROLLED
    if claim.same_contact:
        return Refusal.SAME_CONTACT
    if claim.from_address >= terms.address_limit:
        return Refusal.TOO_MANY_FROM_ADDRESS
    return None


def weigh(terms: ReferralTerms, claimed_on: date, bought_on: date, amount: int) -> ReferralState:
    """What a friend's purchase makes of an open referral; the days are those of the program's zone.

    One of an earlier day, which arrived late, shows that the claim was not made for a first order. Within the day the
    clocks of tills are not trusted.
    """
    if bought_on < claimed_on:
        return ReferralState.REFUSED
    return ReferralState.QUALIFIED if terms.qualifies(amount) else ReferralState.OPEN


def code_key(code: str) -> str | None:
    """A code as it is compared; None where it is none."""
    key = re.sub(r"[ -]", "", code).upper()
    return key if _CODE.fullmatch(key) else None


def address_key(program_no: int, address: str) -> bytes:
    """An address as it is counted: a digest, so that it is not kept as a text."""
    return blake2b(f"{program_no}/{address.strip().casefold()}".encode(), digest_size=16).digest()


def violations(terms: ReferralTerms) -> Iterator[FieldViolation]:
    """What is wrong with terms, by the contract's field paths within them."""
    if not 0 <= terms.minimum_spend <= AMOUNT_MAX:
        yield FieldViolation("minimum_spend", "must be between 0 and 10^12")
    for name in ("advocate_points", "friend_points"):
        if not 0 <= getattr(terms, name) <= POINTS_MAX:
            yield FieldViolation(name, "must be between 0 and 10^9")
    yield from _milestone_violations(terms.milestones)
    if terms.expiry is not None:
        yield from terms.expiry.violations("expiry_policy")
    if not 0 <= terms.address_warning <= COUNT_MAX:
        yield FieldViolation("address_warning", "must be between 0 and 10^6")
    if not terms.address_warning <= terms.address_limit <= COUNT_MAX:
        yield FieldViolation("address_limit", "must not be below address_warning, and at most 10^6")


def _milestone_violations(milestones: Sequence[Milestone]) -> Iterator[FieldViolation]:
    if len(milestones) > MILESTONES_MAX:
        yield FieldViolation("milestones", f"must be at most {MILESTONES_MAX}")
    before = 0
    for place, one in enumerate(milestones[:MILESTONES_MAX]):
        if not before < one.friends <= COUNT_MAX:
            yield FieldViolation(f"milestones[{place}].friends", "must be above those before it, and at most 10^6")
        if not 1 <= one.points <= POINTS_MAX:
            yield FieldViolation(f"milestones[{place}].points", "must be between 1 and 10^9")
        before = max(before, one.friends)
