"""Payouts: points that an award budget gives a person, exactly once.

Whatever is paid from an award budget (an award, a claim, a celebration, an achievement) is a payout with the id of
what it pays. The ledger is asked for it under an id of payout and try. That a budget has too little is an answer the
ledger keeps for ever, so that the next try has another id, and no late copy of an earlier one can pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

RETRY_FIRST = timedelta(seconds=5)
RETRY_MAX = timedelta(minutes=15)

INSUFFICIENT = "INSUFFICIENT_POINTS"
"""How the ledger says that the budget has too little; it says so for ever to the same request."""
FROZEN = "ACCOUNT_FROZEN"
"""How it says that somebody has frozen the budget; the same request may pass once it is unfrozen."""


class PayoutKind(Enum):
    """What is paid. Stored by value."""

    AWARD = "award"
    CLAIM = "claim"
    CELEBRATION = "celebration"
    ACHIEVEMENT = "achievement"


class PayoutState(Enum):
    """How far a payout is. Stored by value."""

    PENDING = "pending"
    """Taken in; the ledger has not said."""
    WAITING = "waiting"
    """The budget has too little, or is frozen. Tried again."""
    PAID = "paid"
    """The points have moved. Final."""
    REFUSED = "refused"
    """Nothing has moved, and nothing will. Final."""


@dataclass(frozen=True, slots=True)
class NewPayout:
    """A payout to take in: `amount` points from `budget` to `person`, both ids; `subject` is the name of what is paid,
    and a budget that has too little is waited for until `wait_end_time`.
    """

    id: str
    kind: PayoutKind
    budget: str
    person: str
    amount: int
    subject: str
    wait_end_time: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a payout is, as those see it who look at what it pays. `transaction` is the ledger's, with PAID."""

    state: PayoutState
    transaction: str
    refusal: str
    wait_end_time: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """What the ledger is asked for: one try of a payout. The accounts are ids within `program`; `failures` is how
    often in a row this was put off.
    """

    organisation: str
    payout: str
    program: str
    source_id: str
    destination_id: str
    amount: int
    subject: str
    try_no: int
    failures: int
    wait_end_time: datetime

    @property
    def request_id(self) -> str:
        """The id under which the ledger is asked, always the same for one try. A payout's id is unguessable, so that no
        other of the program has it.
        """
        return f"pay-{self.payout}-{self.try_no}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger said: the transaction that it posted, or else why it refused."""

    transaction: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a try made of its payout; `due_time` is that of the next try, `try_no` its number."""

    order: Order
    state: PayoutState
    transaction: str
    refusal: str
    try_no: int
    due_time: datetime


def settle(order: Order, answer: Answer, now: datetime) -> Settlement:
    """What becomes of a payout that the ledger answered at `now`.

    Only what can never be paid any more is REFUSED: an answer that the ledger keeps, after the time to wait, or one
    about accounts that are closed for ever. A frozen budget is waited for as long as it takes.
    """
    if answer.transaction:
        return Settlement(order, PayoutState.PAID, answer.transaction, "", order.try_no, now)
    delay = min(RETRY_FIRST * 2 ** min(order.failures, 10), RETRY_MAX)
    if answer.refusal == FROZEN:
        return Settlement(order, PayoutState.WAITING, "", answer.refusal, order.try_no, now + delay)
    if answer.refusal == INSUFFICIENT and now < order.wait_end_time:
        due_time = min(now + delay, order.wait_end_time)
        return Settlement(order, PayoutState.WAITING, "", answer.refusal, order.try_no + 1, due_time)
    return Settlement(order, PayoutState.REFUSED, "", answer.refusal, order.try_no, now)


@dataclass(frozen=True, slots=True)
class Payout:
    """A payout as stored: `amount` points from `budget` to `person`, both ids, for what is named `subject`;
    `settle_time` is when it was PAID or REFUSED.
    """

    organisation: str
    id: str
    subject: str
    person: str
    budget: str
    amount: int
    progress: Progress
    create_time: datetime
    settle_time: datetime | None


@dataclass(frozen=True, slots=True)
class WantedPayouts:
    """What of a list of payouts is asked for; what is None is not asked. `budget` and `person` are ids."""

    budget: str | None = None
    state: PayoutState | None = None
    person: str | None = None
