"""A month's allowance: granted once to each person, gone at the month's end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Grant:
    """An allowance to be posted: `amount` points to an account (an id within the program), a lot that can be given
    from `available_time` on and expires at `expire_time`.
    """

    organisation: str
    person: str
    period: date
    program: str
    unit: str
    account_id: str
    amount: int
    available_time: datetime
    expire_time: datetime

    @property
    def request_id(self) -> str:
        """The id under which the ledger is asked, always the same for one person and month: however many workers
        ask, however often and late, it posts once.
        """
        owner = f"{self.organisation}/{self.person}/{self.period:%Y-%m}"
        return f"grant-{blake2b(owner.encode(), digest_size=16).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a person may give in one month."""

    organisation: str
    person: str
    period: str
    granted_amount: int
    available_amount: int
    expire_time: datetime
