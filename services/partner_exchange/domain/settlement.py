"""The settlement of a window: each participant goes through its states, each once.

    RECORDED → RESERVED → COMMITTED → SETTLED
             → ABORTED  → ABORTED

A debtor is RESERVED once the hub has what it pays, a creditor once all debtors are. When all are RESERVED, the debtors
are COMMITTED together: from here on it only goes forward, and the hub pays the creditors. When all are COMMITTED and
the hub's account is zero, all are SETTLED together. Until the debtors are COMMITTED everybody can get everything back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from partner_exchange.domain.windows import Window


class ParticipantState(Enum):
    """How far a participant is."""

    RECORDED = "RECORDED"
    RESERVED = "RESERVED"
    COMMITTED = "COMMITTED"
    SETTLED = "SETTLED"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class Participant:
    """A partner's part in a settlement."""

    partner: str
    net: int
    """Minor units: above zero it gets them, below zero it pays them."""
    state: ParticipantState = ParticipantState.RECORDED
    try_number: int = 1
    """Under which the ledger is asked: what it refuses for ever, it refuses this try."""
    ask_time: datetime | None = None
    """When the ledger was first asked for this try; None: not yet."""
    missing: int = 0
    """What its account lacked when it was last looked at."""
    transaction: str | None = None
    """The ledger's: what set aside what it pays, or paid what it gets."""

    def request_id(self, window: Window, step: str) -> str:
        """Under which the ledger knows a step."""
        return f"{step}-{window.number}-{window.attempt}-{self.partner}-{self.try_number}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the ledger refused a step."""

    reason: str
    metadata: dict[str, str]

    @property
    def lasting(self) -> bool:
        """Whether every later answer to the same request is this one; otherwise it answers this call only."""
        return self.reason == "INSUFFICIENT_POINTS"

    @property
    def missing(self) -> int:
        """How much is missing, in minor units."""
        return int(self.metadata.get("missing", 0))


@dataclass(frozen=True, slots=True)
class Settlement:
    """A window with its participants of the last attempt, by partner."""

    window: Window
    participants: Sequence[Participant] = ()

    def with_sign(self, sign: int) -> list[Participant]:
        """Those who pay (-1) or get (1)."""
        return [one for one in self.participants if one.net * sign > 0]

    @property
    def funded(self) -> bool:
        """Whether the hub has what all debtors pay."""
        return all(one.state is not ParticipantState.RECORDED for one in self.with_sign(-1))

    @property
    def committed(self) -> bool:
        """Whether it only goes forward."""
        return any(one.state in {ParticipantState.COMMITTED, ParticipantState.SETTLED} for one in self.participants)
