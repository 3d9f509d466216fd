"""The points of a recognition: what moved, from whom to whom, and what the ledger is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from recognition.domain.recognitions import Visibility


class GiftKind(Enum):
    """What points were given as. Stored by value."""

    GIVEN = "given"
    """With the recognition, by who made it."""
    ADD_ON = "add_on"
    """Onto it, by somebody else."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Points that the ledger has moved for a recognition, in one transaction: `amount` from `giver`'s allowance to
    `receiver`'s rewards; 0 or less where they came back, of `gift` (change and ordinal), where `wanted` is what was to
    come back. Whoever counts (what was given and received, by whom, for what)
    counts these.

    `posts` is by how much it changes how many times `giver` has thanked `receiver` in this way: 1, -1, or 0 where a
    recognition that goes on to be there got more or fewer points.
    `give_time` is when the recognition was made; `record_time` when this was written down.
    """

    organisation: str
    recognition: str
    change: str
    ordinal: int
    kind: GiftKind
    giver: str
    receiver: str
    amount: int
    posts: int
    visibility: Visibility
    values: tuple[str, ...]
    give_time: datetime
    record_time: datetime
    transaction: str
    wanted: int = 0
    gift: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Giving:
    """What the ledger is asked for: points from an allowance (at `source_id`) to each of the rewards accounts (id and
    amount), all of `program`, together or not at all. Each is a transaction of its own, so that each can be taken back
    by itself.
    """

    change: str
    program: str
    source_id: str
    gifts: tuple[tuple[str, int], ...]
    memo: str
    actor: str

    @property
    def total(self) -> int:
        """What the allowance is debited."""
        return sum(amount for _, amount in self.gifts)

    def request_id(self, ordinal: int) -> str:
        """The id under which the ledger is asked, always the same for one gift of one change. A change's id is
        unguessable and unique, so that no other one of the program can have it.
        """
        return f"give-{self.change}-{ordinal}"
