"""Rewards of the catalog that rules give for purchases: asked for until the catalog has answered, and called off when a
return takes what they were given for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from membership.domain.flags import FlagState
from membership.domain.late_changes import digest
from membership.domain.stacking import Kept, Term, applies


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


@dataclass(frozen=True, slots=True)
class Gift:
    """A reward that was given, or is to be; `redemption` is its id in the catalog, once it is given."""

    program_no: int
    purchase_id: str
    rule_id: str
    member_id: str
    reward: str
    state: GiftState
    redemption: str
    reason: str
    actor: str
    flag: FlagState | None
    """That of the award."""

    def request_id(self, step: str) -> str:
        """The id under which the catalog knows one step, however often it is asked."""
        return f"{step}-{digest(f'{self.purchase_id} {self.rule_id}')}"
