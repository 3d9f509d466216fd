"""Rewards of the catalog that rules give: asked for until the catalog has answered, and called off when a return takes
what they were given for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from membership.domain.flags import FlagState
from membership.domain.late_changes import digest
from membership.domain.stacking import Kept, Term, applies

OVERDUE_AFTER = timedelta(days=7)
"""How long the catalog is asked without an answer, before somebody has to look."""
ASKED_FOR = timedelta(days=21)
"""How long after it was first asked for a reward may be asked for again: the catalog keeps requests for thirty days,
and then would give another one.
"""
EARLIER_KEPT = "EARLIER_KEPT"
ENDED_BY_OPERATOR = "ENDED_BY_OPERATOR"


class GiftState(IntEnum):
    """What becomes of a reward that a rule gives. The values are stored, and are the contract's."""

    PENDING = 1
    GIVEN = 2
    REFUSED = 3
    """The catalog did not give it."""
    TAKING_BACK = 4
    TAKEN_BACK = 5
    KEPT = 6
    """What it was given for came back, and it was used by then."""


class Qualified(NamedTuple):
    """A rule that gives a reward, as frozen with a purchase, and the reward's id."""

    term: Term
    reward: str

    def gives(self, kept: Kept) -> bool:
        """Whether it gives the reward for what is kept of the purchase."""
        return self.term.cap != 0 and applies(self.term, kept) and any(kept.shares[one] for one in self.term.works_on)


class NewGift(NamedTuple):
    """A reward that is to be given. `gift_id` says what for, and is unique in its program: so it is given once."""

    gift_id: str
    member_no: int
    reward: str
    purchase_id: str | None = None
    """None for an enrolment."""
    rule_id: str = ""
    """Empty for an enrolment."""
    award_no: int | None = None
    """The number of the award for a count that it is."""


def for_purchase(purchase_id: str, rule_id: str, reward: str, member_no: int) -> NewGift:
    """What a rule gives for a purchase."""
    return NewGift(gift_of_rule(purchase_id, rule_id), member_no, reward, purchase_id, rule_id)


def for_count(award_no: int, purchase_id: str, rule_id: str, reward: str, member_no: int) -> NewGift:
    """What a rule gives for a count, reached with a purchase."""
    return NewGift(gift_of_count(award_no), member_no, reward, purchase_id, rule_id, award_no)


def for_enrolment(member_no: int, reward: str) -> NewGift:
    """What a program gives to a new member."""
    return NewGift(gift_of_enrolment(member_no), member_no, reward)


def gift_of_rule(purchase_id: str, rule_id: str) -> str:
    """The id of what a rule gives for a purchase."""
    return f"p-{digest(f'{purchase_id} {rule_id}')}"


def gift_of_count(award_no: int) -> str:
    """The id of what is given for a count."""
    return f"c-{award_no}"


def gift_of_enrolment(member_no: int) -> str:
    """The id of what a member is given for enrolling."""
    return f"w-{member_no}"


@dataclass(frozen=True, slots=True)
class Gift:
    """A reward that was given, or is to be; `redemption` is its id in the catalog, once it is given."""

    program_no: int
    gift_id: str
    member_id: str
    purchase_id: str | None
    rule_id: str
    award_no: int | None
    reward: str
    state: GiftState
    redemption: str
    reason: str
    actor: str
    ask_time: datetime | None
    """When the catalog was asked for it first; None: nobody has."""
    since: datetime
    """From when on there is something to do."""
    overdue: bool
    """Whether that was so for too long: nobody asks any more until somebody says so."""
    ended_by: str | None
    """Who ended it, where the catalog did not."""
    enrolled_as: str
    """The id of the member to whom it was given; `member_id` is that of who stands for it."""
    flag: FlagState | None
    """That of the award."""

    @property
    def settled(self) -> bool:
        """Whether there is nothing to do."""
        return self.state not in {GiftState.PENDING, GiftState.TAKING_BACK}

    def may_ask(self, now: datetime) -> bool:
        """Whether the catalog, asked again, knows by its request what became of it."""
        return bool(self.redemption) or self.ask_time is None or now < self.ask_time + ASKED_FOR

    def request_id(self, step: str) -> str:
        """The id under which the catalog knows one step, however often it is asked."""
        return f"{step}-{self.gift_id}"
