"""What is done to a recognition and moves points: taken in, carried out in the ledger, settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple


class ChangeKey(NamedTuple):
    """What a change is found by: two ids."""

    organisation: str
    change: str


class ChangeKind(Enum):
    """What is done. Stored by value."""

    CREATE = "create"
    """The recognition is given."""


class ChangeState(Enum):
    """How far it is. Stored by value."""

    PENDING = "pending"
    """Taken in; whether points have moved is for the ledger to say."""
    DONE = "done"
    """The points have moved. Final."""
    REFUSED = "refused"
    """The ledger refused, and nothing has moved. Final."""


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change to take in: `person` gives `amounts` to `receivers`, all ids of people, in this order."""

    organisation: str
    id: str
    recognition: str
    kind: ChangeKind
    person: str
    receivers: tuple[str, ...]
    amounts: tuple[int, ...]
    actor: str
    create_time: datetime

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
