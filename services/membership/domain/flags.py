"""Flags of awards that passed limits of their program's velocity policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from membership.domain.velocity import Passed

REASON_MAX = 200
"""Characters of why somebody decided."""


class FlagState(IntEnum):
    """What becomes of a flagged award. The values are stored, and are the contract's."""

    FLAGGED = 1
    HELD = 2
    RELEASED = 3
    REJECTED = 4

    @property
    def asked_pending(self) -> bool:
        """Whether the ledger was asked for pending points."""
        return self is not FlagState.FLAGGED


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag as stored."""

    state: FlagState
    passed: tuple[Passed, ...]
    decide_time: datetime | None = None
    decided_by: str = ""
    reason: str = ""
