"""Reviews: what a fairness policy holds until somebody has looked at it, and where its points are meanwhile."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from hashlib import blake2b

from recognition.domain.changes import Change
from recognition.domain.fairness import Finding
from recognition.domain.gifts import Giving

NOTE_LENGTH_MAX = 500


class ReviewState(Enum):
    """How far it is. Stored by value."""

    RESERVING = "reserving"
    """Whether its points are there to be reserved is for the ledger to say."""
    HELD = "held"
    """They are reserved, and nobody has decided."""
    APPROVED = "approved"
    """It is given."""
    REJECTED = "rejected"
    """Its points go back: somebody decided so, or the ledger would not give it."""
    OVERDUE = "overdue"
    """Nobody decided by the deadline, which rejects it."""
    OUTDATED = "outdated"
    """What it adds onto is gone, or for other people by now, which rejects it."""


REJECTIONS = frozenset({ReviewState.REJECTED, ReviewState.OVERDUE, ReviewState.OUTDATED})
"""Those in which the points go back."""


@dataclass(frozen=True, slots=True)
class Review:
    """What was decided of a change; `transaction` is the ledger's that reserved its points, empty until then. From the
    `deadline` on nobody may decide.
    """

    state: ReviewState
    transaction: str = ""
    reviewer: str = ""
    note: str = ""
    review_time: datetime | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review with what it is of; later ones have higher numbers."""

    number: int
    review: Review
    change: Change
    message: str
    findings: tuple[Finding, ...]


def reserve_account_id(organisation: str) -> str:
    """The id of the ledger's account of what is reserved: the organisation's own, should a program serve two."""
    digest = blake2b(organisation.encode(), digest_size=16, person=b"guerdon-reserve").digest()
    return f"reserve-{b32encode(digest).decode().rstrip('=').lower()}"


def reservation(giving: Giving, organisation: str) -> Giving:
    """What the ledger is asked for to reserve a giving: all of its points, in one transaction that can be undone."""
    return replace(giving, change=f"{giving.change}-hold", gifts=((reserve_account_id(organisation), giving.total),))


def from_reserve(giving: Giving, organisation: str) -> Giving:
    """The same giving out of what was reserved for it."""
    return replace(giving, source_id=reserve_account_id(organisation))
