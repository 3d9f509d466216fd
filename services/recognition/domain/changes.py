"""What is done to a recognition and moves points: taken in, carried out in the ledger, settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from recognition.domain.recognitions import Draft
from recognition.domain.takings import TakingPolicy


class ChangeKey(NamedTuple):
    """What a change is found by: two ids."""

    organisation: str
    change: str


class ChangeKind(Enum):
    """What is done. Stored by value."""

    CREATE = "create"
    """The recognition is given."""
    ADD_ON = "add_on"
    """Somebody else adds points onto it."""
    EDIT = "edit"
    """It becomes another, and points follow."""
    DELETE = "delete"
    """It is taken back with all that was added onto it."""


class ChangeState(Enum):
    """How far it is. Stored by value."""

    PENDING = "pending"
    """Taken in; whether points have moved is for the ledger to say."""
    HELD = "held"
    """Its points are reserved, and it waits for somebody's decision."""
    DONE = "done"
    """It is done, and the points have moved. Final."""
    REFUSED = "refused"
    """The ledger refused, and nothing has moved. Final."""


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change to take in: `person` (empty: nobody of the organisation) does it, and from the allowance of `giver`
    `amounts` go to `receivers`, all ids of people, in this order. An EDIT makes `before` into `after`. `policy` is for
    what is taken back.
    """

    organisation: str
    id: str
    recognition: str
    kind: ChangeKind
    person: str
    giver: str
    receivers: tuple[str, ...]
    amounts: tuple[int, ...]
    actor: str
    create_time: datetime
    policy: TakingPolicy = TakingPolicy.UNSPENT
    before: Draft | None = None
    after: Draft | None = None

    @property
    def key(self) -> ChangeKey:
        """What it is found by."""
        return ChangeKey(self.organisation, self.id)


@dataclass(frozen=True, slots=True)
class Change:
    """A change as stored. `refusal` says why it is REFUSED; `available_amount` is what was left of the allowance, where
    that was the reason.
    """

    new: NewChange
    state: ChangeState
    refusal: str
    available_amount: int

    @property
    def key(self) -> ChangeKey:
        """What it is found by."""
        return self.new.key
