"""Redemptions: their states, what comes next in each, and when one may be called off.

    PENDING → POINTS_HELD → STOCK_RESERVED → CAPTURED → ISSUED → FULFILLED ⇄ REFUNDING
       └───────────┴──────────────┴─────→ FAILED          └─────────┴─→ CANCELLED → REFUNDED
                                                                             └───→ REFUND_REFUSED

A code is handed over by being issued, so its redemption goes from CAPTURED to FULFILLED; from there it is called off
only where its voucher can be made void. That one fails is decided once, by setting `failure`; what was taken is then
given back, and only after that the state is FAILED. Points that the ledger refuses to take back, since their account
was closed meanwhile, stay spent: people decide what becomes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum, auto

from guerdon_kit.errors import DomainError
from rewards_catalog.domain.errors import (
    FAILURES,
    AlreadyCancelled,
    AlreadyFulfilled,
    NotCancellableYet,
    NotIssued,
)
from rewards_catalog.domain.reward import Fulfilment


class State(StrEnum):
    """How far a redemption is."""

    PENDING = "PENDING"
    POINTS_HELD = "POINTS_HELD"
    STOCK_RESERVED = "STOCK_RESERVED"
    CAPTURED = "CAPTURED"
    ISSUED = "ISSUED"
    FULFILLED = "FULFILLED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    REFUND_REFUSED = "REFUND_REFUSED"
    REFUNDING = "REFUNDING"


class Step(Enum):
    """What the service does next with a redemption."""

    HOLD_POINTS = auto()
    RESERVE = auto()
    CAPTURE = auto()
    ISSUE = auto()
    UNDO = auto()
    REFUND = auto()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a redemption ends without effect, or without its refund: a reason of `errors.FAILURES` and its numbers."""

    reason: str
    metadata: Mapping[str, str]

    @classmethod
    def of(cls, error: DomainError) -> Failure:
        """The failure that answers its caller with `error`."""
        assert error.reason in FAILURES, error.reason
        return cls(error.reason, error.metadata)

    def error(self) -> DomainError:
        """What the caller is answered, now and at every replay."""
        return FAILURES[self.reason](**self.metadata)


@dataclass(frozen=True, slots=True)
class Redemption:
    """One purchase of one reward with points.

    `reward_version` is the version of the reward that it was made under; title, price, unit and fulfilment are that
    one's. `account`, `hold`, `transaction` and `refund_transaction` are names in the ledger, the last three empty until
    they exist. Of the price, `refunded` points went back, as it was called off or after it was handed over at
    `fulfil_time`; then `refunds` is how many were begun, and `refunding` points are on their way in the last one.
    `actor` is whom it is booked to, here and in the ledger, and `request_key` finds the record of the request that
    made it.
    """

    program: str
    id: str
    reward: str
    reward_version: int
    account: str
    title: str
    unit: str
    price: int
    fulfilment: Fulfilment
    state: State
    failure: Failure | None
    hold: str
    hold_expire_time: datetime
    transaction: str
    refund_transaction: str
    refunding: int
    refunded: int
    refunds: int
    fulfil_time: datetime | None
    actor: str
    request_key: bytes
    create_time: datetime
    update_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"programs/{self.program}/redemptions/{self.id}"

    @property
    def reward_name(self) -> str:
        """The reward's resource name."""
        return f"programs/{self.program}/rewards/{self.reward}"

    @property
    def parent(self) -> str:
        """The program's resource name, which is the tenant."""
        return f"programs/{self.program}"

    @property
    def refund_due(self) -> int:
        """How many points the ledger is to give back now."""
        return self.price if self.state is State.CANCELLED else self.refunding

    @property
    def refund_step(self) -> str:
        """What the ledger knows the refund under way by."""
        return "refund" if self.state is State.CANCELLED else f"refund-{self.refunds}"

    def ledger_request_id(self, step: str) -> str:
        """The id under which the ledger knows one step of this redemption, however often it is asked."""
        return f"{self.id}-{step}"


def refund_refused(redemption: Redemption, error: DomainError) -> Redemption:
    """The redemption once the ledger has refused for good to give its points back."""
    return replace(redemption, state=State.REFUND_REFUSED, failure=Failure.of(error))


def failing(redemption: Redemption, error: DomainError) -> Redemption:
    """The redemption once it is decided that it fails with `error`: undone at once if it has taken nothing yet."""
    state = State.FAILED if redemption.state is State.PENDING else redemption.state
    return replace(redemption, state=state, failure=Failure.of(error))


_FORWARD = {
    State.PENDING: Step.HOLD_POINTS,
    State.POINTS_HELD: Step.RESERVE,
    State.STOCK_RESERVED: Step.CAPTURE,
    State.CAPTURED: Step.ISSUE,
    State.CANCELLED: Step.REFUND,
    State.REFUNDING: Step.REFUND,
}


def next_step(redemption: Redemption) -> Step | None:
    """What is to be done next by the service; None when it rests: it ended, or waits for people."""
    if redemption.failure is not None and redemption.state not in {State.FAILED, State.REFUND_REFUSED}:
        return Step.UNDO
    return _FORWARD.get(redemption.state)


def state_when_issued(fulfilment: Fulfilment) -> State:
    """A code is handed over by being issued; anything else waits for people to hand it over."""
    return State.FULFILLED if fulfilment is Fulfilment.CODE_POOL else State.ISSUED


def check_cancellable(redemption: Redemption) -> None:
    """Checks that a redemption can be called off: while it is ISSUED, or with a voucher that can be made void.

    Goods can be called off until they are handed over. Whether a code that was issued can, its voucher says.

    Raises:
        NotCancellableYet: it is still on its way to being issued.
        AlreadyFulfilled: it was handed over, and is no code.
        AlreadyCancelled: it was called off before, or failed.
    """
    match redemption.state:
        case State.ISSUED:
            return
        case State.FULFILLED if redemption.fulfilment is Fulfilment.CODE_POOL:
            return
        case State.FULFILLED | State.REFUNDING:
            raise AlreadyFulfilled(redemption=redemption.name)
        case State.FAILED | State.CANCELLED | State.REFUNDED | State.REFUND_REFUSED:
            raise AlreadyCancelled(redemption=redemption.name, state=redemption.state)
        case _:
            raise NotCancellableYet(redemption=redemption.name, state=redemption.state)


def check_fulfillable(redemption: Redemption) -> None:
    """Raises NotIssued unless the redemption waits to be handed over."""
    if redemption.state is not State.ISSUED:
        raise NotIssued(redemption=redemption.name, state=redemption.state)
