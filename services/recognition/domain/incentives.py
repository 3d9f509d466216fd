"""Incentives: what people can claim, how often in a month, and who reviews it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.approvals import Approver, ApproverKind, Case, IfOverdue, Level
from recognition.domain.award_budgets import amount_violations
from recognition.domain.errors import ClaimsOfPersonExhausted, IncentiveExhausted, IncentiveNotOpen
from recognition.domain.organisations import NAME_LENGTH_MAX
from recognition.domain.payouts import Progress
from recognition.domain.roles import Role
from recognition.domain.texts import text_violations

QUANTITY_MAX = 1_000_000
QUANTITY_PER_PERSON_MAX = 1000
PROOF_LENGTH_MAX = 2000
REFERENCE_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Month:
    """A month of an organisation's zone: its first day, and when the next begins."""

    first_day: date
    end_time: datetime


def month_of(now: datetime, zone: str) -> Month:
    """The month of `zone` in which `now` lies."""
    tz = ZoneInfo(zone)
    first_day = now.astimezone(tz).date().replace(day=1)
    return Month(first_day, first_instant((first_day + timedelta(days=31)).replace(day=1), tz))


@dataclass(frozen=True, slots=True)
class Incentive:
    """What people can claim: `amount` points from `budget`, so many claims in a month in all and of one person (0: any
    number). Without a reviewer a claim is approved as it is made.
    """

    organisation: str
    id: str
    display_name: str
    budget: str
    amount: int
    monthly_quantity: int
    monthly_quantity_per_person: int
    start_time: datetime | None
    end_time: datetime | None
    reviewer: Approver | None
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return incentive_name(self.organisation, self.id)

    @property
    def chain(self) -> tuple[Level, ...]:
        """The one level that reviews claims, or none. It has no deadline of its own: nobody's claim lapses."""
        return () if self.reviewer is None else (Level(self.reviewer, 0, 1, IfOverdue.REJECT),)

    def check(self) -> None:
        """Whether there can be such an incentive; its names are checked already.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        found = text_violations("incentive.display_name", self.display_name, NAME_LENGTH_MAX)
        found += amount_violations("incentive.amount", self.amount)
        if not 0 <= self.monthly_quantity <= QUANTITY_MAX:
            found.append(FieldViolation("incentive.monthly_quantity", "must be between 0 and 1,000,000"))
        if not 0 <= self.monthly_quantity_per_person <= QUANTITY_PER_PERSON_MAX:
            found.append(FieldViolation("incentive.monthly_quantity_per_person", "must be between 0 and 1,000"))
        if self.start_time and self.end_time and self.end_time <= self.start_time:
            found.append(FieldViolation("incentive.end_time", "must be after the start"))
        reviewer = self.reviewer
        if reviewer and reviewer.kind is ApproverKind.ROLE and reviewer.role not in {Role.ADMIN, Role.MANAGER}:
            found.append(FieldViolation("incentive.reviewer.role", "must be ADMIN or MANAGER"))
        if found:
            raise InvalidField(found)

    def check_claim(self, now: datetime, month: Month, of_all: int, of_person: int) -> None:
        """Whether one more can be claimed at `now`, where so many claims of all and of the person count for `month`.

        Raises:
            IncentiveNotOpen, IncentiveExhausted, ClaimsOfPersonExhausted: as they say.
        """
        if (self.start_time and now < self.start_time) or (self.end_time and now >= self.end_time):
            raise IncentiveNotOpen(self.name)
        reset_time = month.end_time.isoformat()
        if self.monthly_quantity_per_person and of_person >= self.monthly_quantity_per_person:
            raise ClaimsOfPersonExhausted(self.monthly_quantity_per_person, of_person, reset_time)
        if self.monthly_quantity and of_all >= self.monthly_quantity:
            raise IncentiveExhausted(self.monthly_quantity, of_all, reset_time)


@dataclass(frozen=True, slots=True)
class NewClaim:
    """A claim to make, with its proof; `person` is an id, empty for the acting person."""

    organisation: str
    incentive: str
    person: str
    proof: str
    external_reference: str

    def check(self) -> None:
        """Whether it can be made, the incentive aside.

        Raises:
            InvalidField: with every field that is out of its bounds, or if there is no proof.
        """
        found = text_violations("claim.proof", self.proof, PROOF_LENGTH_MAX)
        found += text_violations("claim.external_reference", self.external_reference, REFERENCE_LENGTH_MAX)
        if not self.proof and not self.external_reference:
            found.append(FieldViolation("claim.proof", "is required where there is no external_reference"))
        if found:
            raise InvalidField(found)


class ClaimState(Enum):
    """What was decided about a claim. Stored by value."""

    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as stored. In review, `reviewer` decides (empty: whoever has the role)."""

    id: str
    made: NewClaim
    amount: int
    chain: tuple[Level, ...]
    state: ClaimState
    reviewer: str
    decided_by: str
    right_of: str
    comment: str
    create_time: datetime
    progress: Progress | None

    @property
    def name(self) -> str:
        """The resource name."""
        return claim_name(self.made.organisation, self.made.incentive, self.id)

    @property
    def case(self) -> Case:
        """What is decided about: whoever claims would get it."""
        return Case(self.made.person, self.made.person, self.amount, self.chain)


@dataclass(frozen=True, slots=True)
class WantedClaims:
    """What of a list of claims is asked for; what is None is not asked. `decider` decided it, or somebody else by their
    right; they, `incentive` and `person` are ids.
    """

    incentive: str | None = None
    person: str | None = None
    state: ClaimState | None = None
    decider: str | None = None


def incentive_name(organisation: str, incentive: str) -> str:
    """The resource name of an incentive."""
    return f"organisations/{organisation}/incentives/{incentive}"


def claim_name(organisation: str, incentive: str, claim: str) -> str:
    """The resource name of a claim."""
    return f"{incentive_name(organisation, incentive)}/claims/{claim}"
