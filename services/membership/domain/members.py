"""Members, as stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from membership.domain.accounts import account_id
from membership.domain.purchases import State


class Ended(IntEnum):
    """How a membership ended. The values are stored, and only rise."""

    CLOSED = 1
    ERASED = 2
    MERGED = 3
    """Another member stands for it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member. `state` is PENDING until the account is open and the welcome bonus in the ledger."""

    member_no: int
    member_id: str
    state: State
    enroll_time: datetime
    welcome_points: int
    welcome_expire_time: datetime | None
    ended: Ended | None = None
    referred: bool = False
    """Whether a referral by another member is open, which a purchase may qualify."""
    offers_until: datetime | None = None
    """Until when purchases may count for personal offers; None where none was ever sent, or accepted."""

    @property
    def account_id(self) -> str:
        """The id of the member's account in the ledger, within the program."""
        return account_id(self.member_id)
