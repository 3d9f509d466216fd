"""The differences that late events make to awards, and how they reach the ledger.

More is credited on its own. Less is taken back of what the ledger has of the purchase: of the latest credit first, of
the award itself at last. Returns take in the same order. So what is left of all of them together is what the purchase
is awarded less what came back, whatever was rated anew in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class AwardChange:
    """What late events made of a purchase's award, as history: the earliest of them was a purchase, or its return."""

    change_id: str
    purchase_id: str
    late_purchase_id: str
    late_return_id: str
    """Empty where it was a purchase."""
    record_time: datetime
    points_before: int
    points_after: int
    returned_before: int
    returned_after: int
    expire_time: datetime | None
    """When what is credited expires."""

    @property
    def late_event(self) -> str:
        """Its name within the program."""
        return f"returns/{self.late_return_id}" if self.late_return_id else f"purchases/{self.late_purchase_id}"

    @property
    def difference(self) -> int:
        """Points that the member has more than before, or less."""
        return (self.points_after - self.returned_after) - (self.points_before - self.returned_before)


class Part(NamedTuple):
    """Points that are taken of a credit beside the purchase's own, the ledger's `transaction`: of an earlier change, or
    of a tranche, which is a bonus.
    """

    credit_id: str
    points: int
    transaction: str


class DueChange(NamedTuple):
    """A change that still has to reach the ledger: `points` more, or less."""

    change_id: str
    member_id: str
    purchase_id: str
    event_time: datetime
    record_time: datetime
    expire_time: datetime | None
    points: int
    award: str
    """The ledger's transaction of the purchase; empty where it has none."""
    parts: tuple[Part, ...]


def split(points: int, credits_: Sequence[tuple[str, int]]) -> dict[str, int]:
    """What of `points` is taken of which change's credit, where these, oldest first, have so much left each."""
    parts: dict[str, int] = {}
    for change_id, left in reversed(credits_):
        part = min(points, left)
        if part:
            parts[change_id] = part
            points -= part
    return parts


def taker(change_id: str) -> str:
    """What a change is called among those that take of credits. A return is called `r-` and its id."""
    return f"l-{change_id}"


def digest(name: str) -> str:
    """Stands for a name where two ids together would be too long for a request's."""
    return blake2b(name.encode(), digest_size=16).hexdigest()
