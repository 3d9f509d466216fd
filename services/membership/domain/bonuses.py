"""Bonuses: points given for something else than a purchase, such as an activity or a referral."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from membership.domain.accounts import account_id, wallet_id

POINTS_MAX = 10**9
"""The most points of one bonus."""


class Bonus(NamedTuple):
    """A bonus that is recorded. `bonus_id` says what it is for, is unique in its program, and is the id of the ledger's
    request: so it is given once, whoever brings it there and how often.
    """

    bonus_id: str
    member_no: int
    member_id: str
    points: int
    event_time: datetime
    record_time: datetime
    expire_time: datetime | None
    memo: str
    transaction: str = ""
    """The ledger's; empty until it is there."""
    revoked: bool = False
    """What it was given for did not last, so it is taken back."""
    available_time: datetime | None = None
    """When it can first be spent; None for at once."""
    late: bool = False
    """Whether that is because of what came late."""
    held: bool = False
    """It is pending until somebody decides."""
    unit: str = ""
    """The id of the unit of the wallet that it goes to; empty for points."""

    @property
    def account_id(self) -> str:
        """The id of the account that it goes to."""
        return wallet_id(self.member_id, self.unit) if self.unit else account_id(self.member_id)
