"""What a provider says about a redemption, and what becomes of the redemption then.

A provider is asked by one id, the redemption's, however often: so asking again makes it issue nothing twice. Until it
has said that it issues the reward or will not, nothing is known, and nothing is given back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.errors import FieldViolation, InvalidField
from rewards_catalog.domain.codes import well_formed
from rewards_catalog.domain.errors import FulfilmentDecided, FulfilmentNotAsked, FulfilmentRefused
from rewards_catalog.domain.kinds import Cash, GiftCard
from rewards_catalog.domain.redemption import Failure, Redemption, State
from rewards_catalog.domain.reward import Fulfilment, Reward

MAX_REASON = 100
PATIENCE = timedelta(hours=24)
"""After so long without a word from the provider people are told."""
_BEFORE_ORDERING = frozenset(
    {State.PENDING, State.POINTS_HELD, State.STOCK_RESERVED, State.AWAITING_PAYMENT, State.PAID, State.FAILED}
)
_FIRST_PAUSE = timedelta(seconds=2)
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """The provider issues it, with this code; empty: without one."""

    code: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider will not issue it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The provider did not answer, or has not decided."""


Outcome = Issued | Refused | Undecided


@dataclass(frozen=True, slots=True)
class Order:
    """What a provider is asked to issue: the same at every time but for `asks`, how often it was asked before.

    `id` is the redemption's, by which the provider knows the order. `points` are those paid; `value` is what a gift
    card, a cashback or a discount comes to.
    """

    id: str
    redemption: str
    reward: str
    reward_version: int
    title: str
    account: str
    points: int
    value: Cash | None
    create_time: datetime
    asks: int


def order_of(redemption: Redemption, reward: Reward) -> Order:
    """What is ordered for a redemption of the reward, in the version that it was made under."""
    value = reward.kind.value if isinstance(reward.kind, GiftCard) else redemption.value
    return Order(
        id=redemption.id,
        redemption=redemption.name,
        reward=redemption.reward_name,
        reward_version=redemption.reward_version,
        title=redemption.title,
        account=redemption.account,
        points=redemption.price,
        value=value,
        create_time=redemption.create_time,
        asks=redemption.asks,
    )


def check_outcome(outcome: Issued | Refused) -> None:
    """Raises InvalidField unless a code is one, and a reason may be shown."""
    if isinstance(outcome, Issued) and outcome.code and not well_formed(outcome.code):
        raise InvalidField([FieldViolation("issued.code", "must be 4 to 128 visible ASCII characters, or empty")])
    if isinstance(outcome, Refused) and not (1 <= len(outcome.reason) <= MAX_REASON and outcome.reason.isprintable()):
        raise InvalidField([FieldViolation("refused.reason", f"must have 1 to {MAX_REASON} printable characters")])


def told(redemption: Redemption, outcome: Outcome, now: datetime) -> Redemption:
    """The redemption, whose provider was asked, after it has said `outcome` at `now`."""
    match outcome:
        case Issued():
            return replace(redemption, state=State.FULFILLED)
        case Refused(reason):
            refusal = FulfilmentRefused(redemption=redemption.name, provider_reason=reason)
            return replace(redemption, state=State.FULFILMENT_FAILED, failure=Failure.of(refusal))
        case Undecided():
            ask_time = now + min(_FIRST_PAUSE * 2 ** min(redemption.asks, 20), _LONGEST_PAUSE)
            return replace(redemption, state=State.FULFILMENT_UNKNOWN, asks=redemption.asks + 1, ask_time=ask_time)


def is_said_already(redemption: Redemption, outcome: Issued | Refused, code: str) -> bool:
    """Whether what is said is so already; `code` is the one that the redemption has.

    Raises:
        FulfilmentNotAsked: no provider was asked about the redemption yet, or ever will be.
        FulfilmentDecided: something else is so.
    """
    if redemption.fulfilment is not Fulfilment.PROVIDER or redemption.state in _BEFORE_ORDERING:
        raise FulfilmentNotAsked(redemption=redemption.name, state=redemption.state)
    if redemption.state in {State.CAPTURED, State.FULFILMENT_UNKNOWN}:
        return False
    # It was issued or it was not: what became of it later, such as a refund, changes nothing of that.
    was_issued = redemption.fulfil_time is not None
    if outcome != Issued(code) if was_issued else not isinstance(outcome, Refused):
        raise FulfilmentDecided(redemption=redemption.name, state=redemption.state)
    return True


def runs_out_of_patience(before: Redemption, after: Redemption) -> bool:
    """Whether people are to be told, now and once, that a provider has not decided for too long."""
    end_time = before.create_time + PATIENCE
    if after.state is not State.FULFILMENT_UNKNOWN or after.ask_time is None or after.wallet:
        return False
    return (before.ask_time is None or before.ask_time <= end_time) and after.ask_time > end_time
