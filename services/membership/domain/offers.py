"""Personal offers: what completes one, and how far what a member bought has brought it.

All that completes an offer is a sum over the purchases that count: of what is kept of them, or of those of which enough
is kept. So it does not matter in which order they and their returns are told of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation
from membership.domain.bonuses import POINTS_MAX
from membership.domain.calendar import ExpiryPolicy
from membership.domain.earning import AMOUNT_MAX
from membership.domain.holdouts import share_violations
from membership.domain.ids import ID_RULE, is_id
from membership.domain.purchases import Bought

NAME_LENGTH_MAX = 100
VISITS_MAX = 1_000
MEMBERS_MAX = 1_000
"""The most members of one request to send an offer."""
RUNNING_MAX = 100
"""The most personal offers of a member that are not over."""
VALIDITY_MAX = timedelta(days=366)
LATENESS = timedelta(days=30)
"""How long after the end of an offer a purchase made before it can be told of."""


class Goal(IntEnum):
    """What completes an offer. The values are stored."""

    ONE_PURCHASE = 1
    TOTAL_SPEND = 2
    VISITS = 3


class OfferState(IntEnum):
    """How far a personal offer has come."""

    OFFERED = 1
    RUNNING = 2
    COMPLETED = 3
    OVER = 4


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """What an offer asks for and gives; see the contract's `Offer`. `minimum_spend` is that of each purchase, or the
    total, in minor units; `expiry` of None is the program's.
    """

    display_name: str
    goal: Goal
    minimum_spend: int
    visits: int
    points: int
    expiry: ExpiryPolicy | None
    acceptance_required: bool
    holdout: Fraction

    @property
    def target(self) -> int:
        """The progress that completes it."""
        return self.minimum_spend if self.goal is Goal.TOTAL_SPEND else self.visits

    def worth(self, kept: int) -> int:
        """The progress that a purchase makes of which so much is kept. One of 0 makes none."""
        if self.goal is Goal.TOTAL_SPEND:
            return kept
        return 1 if kept >= max(1, self.minimum_spend) else 0


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer as stored."""

    offer_no: int
    offer_id: str
    terms: OfferTerms
    archived: bool
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when, both ends included."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= moment <= self.end

    @property
    def told_until(self) -> datetime:
        """Until when a purchase made in it can be told of."""
        return self.end + LATENESS


@dataclass(frozen=True, slots=True)
class Sending:
    """An offer sent to members, as stored."""

    sending_no: int
    offer_id: str
    validity: Validity
    sent: int
    held_out: int
    skipped: int
    create_time: datetime
    done: bool
    """Whether it is sent to all who get it."""


@dataclass(frozen=True, slots=True)
class PersonalOffer:
    """An offer as one member received it, as stored. `sent_to` is the number of the member it was sent to; another who
    stands for that one may have it now.
    """

    sending_no: int
    sent_to: int
    member_no: int
    member_id: str
    offer_id: str
    terms: OfferTerms
    validity: Validity
    held_out: bool
    send_time: datetime
    accept_time: datetime | None
    progress: int
    complete_time: datetime | None
    awards: int
    """How often it was awarded: whenever it was completed, also where a return took that back."""

    @property
    def personal_offer_id(self) -> str:
        """The last part of its name."""
        return f"{self.sending_no}-{self.sent_to}"

    @property
    def bonus_id(self) -> str:
        """The id of its latest award."""
        return f"o-{self.personal_offer_id}" + (f"-{self.awards}" if self.awards > 1 else "")

    def state(self, now: datetime) -> OfferState:
        """How far it has come."""
        if self.complete_time is not None:
            return OfferState.COMPLETED
        if now > self.validity.end:
            return OfferState.OVER
        return OfferState.OFFERED if self.accept_time is None else OfferState.RUNNING

    def counting(self, before: int, after: int, event_time: datetime) -> PersonalOffer:
        """What it is once so much more, or less, is kept of a purchase made at `event_time`."""
        progress = self.progress + self.terms.worth(after) - self.terms.worth(before)
        moved = replace(self, progress=progress)
        if progress < self.terms.target:
            return replace(moved, complete_time=None)
        if self.complete_time is None:
            return replace(moved, complete_time=event_time, awards=self.awards + 1)
        return moved


class Counted(NamedTuple):
    """A personal offer before and after purchases that count for it, with their ids."""

    before: PersonalOffer
    after: PersonalOffer
    purchase_ids: list[str]


def counted(running: Iterable[PersonalOffer], bought: Mapping[int, Sequence[Bought]]) -> Iterator[Counted]:
    """What becomes of personal offers by purchases recorded together, by their members' numbers, in the order of their
    times; those for which none counts are left out.
    """
    for before in running:
        counting = [one for one in bought.get(before.member_no, ()) if before.validity.holds(one.event_time)]
        after = before
        for one in counting:
            after = after.counting(0, one.amount, one.event_time)
        if counting:
            yield Counted(before, after, [one.purchase_id for one in counting])


def violations(offer_id: str, terms: OfferTerms) -> Iterator[FieldViolation]:
    """What is wrong with an offer, by the contract's field paths within it."""
    if is_id(offer_id) is None:
        yield FieldViolation("name", f"its id {ID_RULE}")
    if len(terms.display_name) > NAME_LENGTH_MAX or not terms.display_name.isprintable():
        yield FieldViolation("display_name", f"must be at most {NAME_LENGTH_MAX} printable characters")
    if terms.goal is Goal.VISITS:
        if not 1 <= terms.visits <= VISITS_MAX:
            yield FieldViolation("visits.count", f"must be between 1 and {VISITS_MAX:,}")
        if not 0 <= terms.minimum_spend <= AMOUNT_MAX:
            yield FieldViolation("visits.minimum_spend.minor_units", "must be between 0 and 10^12")
    elif not 1 <= terms.minimum_spend <= AMOUNT_MAX:
        field = "one_purchase.minimum_spend" if terms.goal is Goal.ONE_PURCHASE else "total_spend.amount"
        yield FieldViolation(f"{field}.minor_units", "must be between 1 and 10^12")
    if not 1 <= terms.points <= POINTS_MAX:
        yield FieldViolation("points", "must be between 1 and 10^9")
    if terms.expiry is not None:
        yield from terms.expiry.violations("expiry_policy")
    yield from share_violations(terms.holdout)


def validity_violations(validity: Validity, now: datetime) -> Iterator[FieldViolation]:
    """What is wrong with the validity of what is sent now."""
    if not validity.start <= validity.end <= validity.start + VALIDITY_MAX:
        yield FieldViolation("end_time", "must not be before start_time, and at most 366 days after it")
    elif validity.end < now:
        yield FieldViolation("end_time", "must not have passed")
