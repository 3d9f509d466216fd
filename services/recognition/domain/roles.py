"""What people may do in their organisation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a person may do. Stored by value."""

    ADMIN = "admin"
    """Gives and receives, and runs the organisation."""
    MANAGER = "manager"
    """Gives and receives, and sees to people."""
    GIVER = "giver"
    """Gives and receives."""
    RECEIVER_ONLY = "receiver_only"
    """Receives only."""
    OBSERVER = "observer"
    """Sees, and neither gives nor receives."""

    @property
    def gives(self) -> bool:
        """Whether who has it may give."""
        return self in {Role.ADMIN, Role.MANAGER, Role.GIVER}

    @property
    def receives(self) -> bool:
        """Whether who has it may receive."""
        return self is not Role.OBSERVER


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a person takes part, and as what."""

    active: bool
    role: Role
