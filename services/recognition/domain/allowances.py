"""A period's allowance: granted once to each person, gone at the period's end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from hashlib import blake2b

from recognition.domain.organisations import POINTS_MAX, budget_account
from recognition.domain.periods import Period
from recognition.domain.plans import Terms
from recognition.domain.roles import Role

BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
"""Why the ledger refuses a grant that the budget, with its credit limit, is too short for."""
RETRY_FIRST = timedelta(seconds=10)
RETRY_MAX = timedelta(hours=1)


class Purpose(Enum):
    """What a grant is for. Stored by value."""

    GIVE = "give"
    """To thank colleagues with: an allowance."""
    MANAGE = "manage"
    """A manager's, to give out."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Points to be posted for a period: `amount` of them to an account (an id within the program), a lot that can be
    given from `available_time` on and expires at `expire_time`. `period` is the first day, and `attempts` counts how
    often it was claimed.
    """

    organisation: str
    person: str
    purpose: Purpose
    period: date
    period_name: str
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
        """The id under which the ledger is asked, always the same for one person, purpose and period: however
        many workers ask, however often and late, it posts once.
        """
        owner = f"{self.organisation}/{self.person}/{self.purpose.value}/{self.period.isoformat()}"
        return f"grant-{blake2b(owner.encode(), digest_size=16).hexdigest()}"


class GrantState(Enum):
    """What became of a grant. Stored by value."""

    PENDING = "pending"
    """Whether it is posted is for the ledger to say."""
    POSTED = "posted"
    """Posted. Final."""
    LAPSED = "lapsed"
    """Its period passed before the ledger took it. Final."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the ledger's answer makes of a grant, and when to ask again if it is still PENDING."""

    grant: Grant
    state: GrantState
    refusal: str
    due_time: datetime


def settle(grant: Grant, refusal: str, now: datetime) -> Settlement:
    """What becomes of a grant that the ledger has posted (`refusal` empty) or definitely refused.

    A refusal may pass within the period, such as a frozen account or a budget that is short: it is asked again, ever
    more rarely. Once the period is over it is final: what was never granted would expire at once.
    """
    if not refusal:
        return Settlement(grant, GrantState.POSTED, "", now)
    if now >= grant.expire_time:
        return Settlement(grant, GrantState.LAPSED, refusal, now)
    delay = min(RETRY_FIRST * 2 ** min(grant.attempts, 10), RETRY_MAX)
    return Settlement(grant, GrantState.PENDING, refusal, now + delay)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a person may give: `available_amount` points now, of which `expiring_amount` expires with the `period`.
    `granted_amount` is what they were granted for it. Without a plan there is no period.
    """

    organisation: str
    person: str
    period: Period | None
    granted_amount: int
    available_amount: int
    expiring_amount: int


@dataclass(frozen=True, slots=True)
class Boost:
    """What a person is granted in every period besides the plan's amount, and why."""

    organisation: str
    person: str
    amount: int
    reason: str


GIVING_ROLES = tuple(role for role in Role if role.gives)
"""Who is granted an allowance. Somebody whose role changes within a period has it as soon as they may give."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who is to be granted an allowance on their account, with what decides how much."""

    person: str
    account_id: str
    boost_amount: int
    role: Role
    country: str
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What one account is granted: `amount` points until `expire_time`, of which `boost_amount` is a boost."""

    person: str
    account_id: str
    amount: int
    boost_amount: int
    expire_time: datetime


def shares(terms: Terms, receivers: Iterable[Receiver], expire_time: datetime) -> list[Share]:
    """What each receiver is granted in a period: all of it however late they joined, and with their boost. Whoever gets
    nothing is left out.
    """
    found = []
    for receiver in receivers:
        base = terms.amount_for(receiver.role, receiver.country, receiver.teams)
        amount = min(base + receiver.boost_amount, POINTS_MAX)
        if amount:
            boost_amount = min(receiver.boost_amount, amount)
            found.append(Share(receiver.person, receiver.account_id, amount, boost_amount, expire_time))
    return found
