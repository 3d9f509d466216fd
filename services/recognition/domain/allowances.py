"""A month's allowance: granted once to each person, gone at the month's end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from hashlib import blake2b

from recognition.domain.organisations import budget_account

RETRY_FIRST = timedelta(seconds=10)
RETRY_MAX = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Grant:
    """An allowance to be posted: `amount` points to an account (an id within the program), a lot that can be given
    from `available_time` on and expires at `expire_time`. `attempts` counts how often it was claimed.
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
    attempts: int = 0

    @property
    def budget_account(self) -> str:
        """The ledger's account that it is funded from, and that it goes back to when it expires."""
        return budget_account(self.program, self.unit, self.organisation)

    @property
    def request_id(self) -> str:
        """The id under which the ledger is asked, always the same for one person and month: however many workers
        ask, however often and late, it posts once.
        """
        owner = f"{self.organisation}/{self.person}/{self.period:%Y-%m}"
        return f"grant-{blake2b(owner.encode(), digest_size=16).hexdigest()}"


class GrantState(Enum):
    """What became of a grant. Stored by value."""

    PENDING = "pending"
    """Whether it is posted is for the ledger to say."""
    POSTED = "posted"
    """Posted. Final."""
    LAPSED = "lapsed"
    """Its month passed before the ledger took it. Final."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the ledger's answer makes of a grant, and when to ask again if it is still PENDING."""

    grant: Grant
    state: GrantState
    refusal: str
    due_time: datetime


def settle(grant: Grant, refusal: str, now: datetime) -> Settlement:
    """What becomes of a grant that the ledger has posted (`refusal` empty) or definitely refused.

    A refusal may pass within the month, such as a frozen account: it is asked again, ever more rarely. Once the month
    is over it is final: what was never granted would expire at once.
    """
    if not refusal:
        return Settlement(grant, GrantState.POSTED, "", now)
    if now >= grant.expire_time:
        return Settlement(grant, GrantState.LAPSED, refusal, now)
    delay = min(RETRY_FIRST * 2 ** min(grant.attempts, 10), RETRY_MAX)
    return Settlement(grant, GrantState.PENDING, refusal, now + delay)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a person may give in one month."""

    organisation: str
    person: str
    period: str
    granted_amount: int
    available_amount: int
    expire_time: datetime
