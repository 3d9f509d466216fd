"""Redemptions: their states, what comes next in each, and when one may be called off.

    PENDING → POINTS_HELD → STOCK_RESERVED → CAPTURED → ISSUED → FULFILLED ⇄ REFUNDING
       │           │              │             ↑         └─────────┴─→ CANCELLED → REFUNDED
       │           └→ AWAITING_PAYMENT → PAID ──┘                           └───→ REFUND_REFUSED
       └───────────┴──────────────┴────────┴─────→ FAILED
    CAPTURED → (FULFILMENT_UNKNOWN) → FULFILLED, or FULFILMENT_FAILED → REFUNDED, REFUND_REFUSED
                                                                       by a provider, or into a wallet
    PENDING → EXCHANGING → FULFILLED, FAILED
                                                                       points of a partner brand

A code is handed over by being issued, so its redemption goes from CAPTURED to FULFILLED; from there it is called off
only where its voucher can be made void. One that costs money too waits, with its points and a piece or a code set
aside, for somebody to say that the money is there. That one fails is decided once, by setting `failure`; what was taken
is then given back, and only after that the state is FAILED. Points that the ledger refuses to take back, since their
account was closed meanwhile, stay spent: people decide what becomes of them. A value is paid into a wallet once the
points are spent; one that cannot be paid gives them back. One whose budget is used up waits for it, and gives the
points back after `CREDIT_PATIENCE`.

What is given costs no points: it goes from PENDING to CAPTURED as its piece is taken, and from CANCELLED to REFUNDED
without a call to the ledger.

Points of a partner brand cost none here: the coalition's exchange takes them, wholly or not at all. So a piece is
taken, the exchange is asked for until it has an end, and if that is a refusal there is only the piece to give back.

What a provider issues is ordered once the points are spent. It is asked again, by the same id, until it has said what
became of the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum, auto

from guerdon_kit.errors import DomainError
from guerdon_kit.locked import Locked
from rewards_catalog.domain.errors import (
    FAILURES,
    AlreadyCancelled,
    AlreadyFulfilled,
    CreditRefused,
    NotCancellableYet,
    NotIssued,
    TransferDone,
)
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.reward import Fulfilment
from rewards_catalog.domain.transfers import Transfer


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
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    PAID = "PAID"
    FULFILMENT_UNKNOWN = "FULFILMENT_UNKNOWN"
    FULFILMENT_FAILED = "FULFILMENT_FAILED"
    EXCHANGING = "EXCHANGING"


RESERVED = frozenset({State.STOCK_RESERVED, State.AWAITING_PAYMENT, State.PAID})
"""Where a piece or a code is set aside, and the points are not spent."""
_TO_GIVE_BACK = frozenset({State.CANCELLED, State.FULFILMENT_FAILED})
"""Where the whole price is on its way back."""
_PAST_UNDOING = frozenset({State.FAILED, State.REFUND_REFUSED, State.FULFILMENT_FAILED, State.REFUNDED})
"""Where a failure says what was, and nothing is left to undo for it."""


class Step(Enum):
    """What the service does next with a redemption."""

    HOLD_POINTS = auto()
    RESERVE = auto()
    LAPSE = auto()
    CAPTURE = auto()
    CREDIT = auto()
    ISSUE = auto()
    ASK = auto()
    QUOTE = auto()
    EXCHANGE = auto()
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

    `reward_version` is the version of the reward that it was made under; title, unit and fulfilment are that one's.
    `value` is what a cashback or a discount comes to. `price` points are paid and, besides, `cash`: whoever takes that
    has until `payment_end_time` to say so, and calls it `payment`. `account`, `hold`, `transaction` and
    `refund_transaction` are names in the ledger, the last three empty until they exist. Of the price, `refunded` points
    went back, as it was called off or after it was handed over at `fulfil_time`; then `refunds` is how many were begun,
    and `refunding` points are on their way in the last one. `actor` is whom it is booked to, here and in the ledger,
    and `request_key` finds the record of the request that made it. Its provider was asked `asks` times without a
    decision, and is asked again at `ask_time`. `wallet` is the account that the value is paid into, and out of
    which it is taken again, and `credit` the transaction that paid it; empty where there is none. `transfer` is the
    exchange that it asks for; None: none. `locked` is what the hold has to leave; None: nothing.
    """

    program: str
    id: str
    reward: str
    reward_version: int
    account: str
    title: str
    unit: str
    price: int
    cash: Cash | None
    value: Cash | None
    payment: str
    payment_end_time: datetime | None
    fulfilment: Fulfilment
    state: State
    failure: Failure | None
    hold: str
    hold_expire_time: datetime
    locked: Locked | None
    transaction: str
    wallet: str
    credit: str
    transfer: Transfer | None
    refund_transaction: str
    refunding: int
    refunded: int
    refunds: int
    fulfil_time: datetime | None
    asks: int
    ask_time: datetime | None
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
    def granted(self) -> bool:
        """Whether it costs nothing: it was given."""
        return self.price == 0

    @property
    def refund_due(self) -> int:
        """How many points the ledger is to give back now."""
        return self.price if self.state in _TO_GIVE_BACK else self.refunding

    @property
    def refund_step(self) -> str:
        """What the ledger knows the refund under way by."""
        return "refund" if self.state in _TO_GIVE_BACK else f"refund-{self.refunds}"

    def ledger_request_id(self, step: str) -> str:
        """The id under which the ledger knows one step of this redemption, however often it is asked."""
        return f"{self.id}-{step}"


def refund_refused(redemption: Redemption, error: DomainError) -> Redemption:
    """The redemption once the ledger has refused for good to give its points back."""
    return replace(redemption, state=State.REFUND_REFUSED, failure=Failure.of(error))


def credit_refused(redemption: Redemption, ledger_reason: str) -> Redemption:
    """The redemption once it is decided that its wallet is not paid."""
    error = CreditRefused(wallet=redemption.wallet, ledger_reason=ledger_reason)
    return replace(redemption, state=State.FULFILMENT_FAILED, failure=Failure.of(error))


def failing(redemption: Redemption, error: DomainError) -> Redemption:
    """The redemption once it is decided that it fails with `error`: undone at once if it has taken no points yet."""
    state = State.FAILED if redemption.state in {State.PENDING, State.EXCHANGING} else redemption.state
    return replace(redemption, state=state, failure=Failure.of(error))


_FORWARD = {
    State.PENDING: Step.HOLD_POINTS,
    State.POINTS_HELD: Step.RESERVE,
    State.STOCK_RESERVED: Step.CAPTURE,
    State.PAID: Step.CAPTURE,
    State.CAPTURED: Step.ISSUE,
    State.CANCELLED: Step.REFUND,
    State.FULFILMENT_FAILED: Step.REFUND,
    State.REFUNDING: Step.REFUND,
}


def next_step(redemption: Redemption, now: datetime) -> Step | None:
    """What is to be done next by the service; None when it rests: it ended, or waits for people."""
    if redemption.failure is not None and redemption.state not in _PAST_UNDOING:
        return Step.UNDO
    if redemption.state is State.PENDING and (redemption.granted or redemption.transfer):
        return Step.RESERVE
    if redemption.state is State.EXCHANGING and redemption.transfer:
        return Step.EXCHANGE if redemption.transfer.quote else Step.QUOTE
    if redemption.state is State.CAPTURED and redemption.fulfilment is Fulfilment.PROVIDER:
        return Step.ASK
    if redemption.state is State.FULFILMENT_UNKNOWN and redemption.ask_time is not None:
        again = Step.CREDIT if redemption.wallet else Step.ASK
        return again if now >= redemption.ask_time else None
    if redemption.state is State.CAPTURED and redemption.wallet:
        return Step.CREDIT
    if redemption.state is State.AWAITING_PAYMENT and redemption.payment_end_time is not None:
        return Step.LAPSE if now >= redemption.payment_end_time else None
    return _FORWARD.get(redemption.state)


def rests_until(redemption: Redemption, now: datetime) -> datetime | None:
    """When the service has something to do with the redemption: now, or when its payment is late, or when its
    provider is asked again; None: never.
    """
    if redemption.state is State.AWAITING_PAYMENT and redemption.failure is None:
        return redemption.payment_end_time
    if redemption.state is State.FULFILMENT_UNKNOWN:
        return redemption.ask_time
    return None if next_step(redemption, now) is None else now


def state_when_reserved(redemption: Redemption) -> State:
    """Points alone can be spent at once; money is waited for; what is given has nothing to spend; what is transferred
    is taken elsewhere.
    """
    if redemption.transfer is not None:
        return State.EXCHANGING
    if redemption.granted:
        return State.CAPTURED
    return State.STOCK_RESERVED if redemption.cash is None else State.AWAITING_PAYMENT


def state_when_issued(fulfilment: Fulfilment) -> State:
    """A code is handed over by being issued; anything else waits for people to hand it over."""
    return State.FULFILLED if fulfilment is Fulfilment.CODE_POOL else State.ISSUED


def check_cancellable(redemption: Redemption) -> None:
    """Checks that a redemption can be called off: before it is paid, while it is ISSUED, or with a voucher that can be
    made void.

    Goods can be called off until they are handed over. Whether a code that was issued can, its voucher says.

    Raises:
        NotCancellableYet: it is still on its way to being issued.
        AlreadyFulfilled: it was handed over, and is no code.
        TransferDone: the points are the partner's.
        AlreadyCancelled: it was called off before, or failed.
    """
    check_not_transferred(redemption)
    match redemption.state:
        case State.ISSUED:
            return
        case State.AWAITING_PAYMENT if redemption.failure is None:
            return
        case State.FULFILLED if redemption.fulfilment is Fulfilment.CODE_POOL:
            return
        case State.FULFILLED | State.REFUNDING:
            raise AlreadyFulfilled(redemption=redemption.name)
        case State.FAILED | State.CANCELLED | State.REFUNDED | State.REFUND_REFUSED:
            raise AlreadyCancelled(redemption=redemption.name, state=redemption.state)
        case _:
            raise NotCancellableYet(redemption=redemption.name, state=redemption.state)


def check_not_transferred(redemption: Redemption) -> None:
    """Raises TransferDone where the points were exchanged: the coalition reverses exchanges, not the catalog."""
    if redemption.transfer is not None and redemption.state is State.FULFILLED:
        raise TransferDone(redemption=redemption.name, exchange=redemption.transfer.exchange)


def check_fulfillable(redemption: Redemption) -> None:
    """Raises NotIssued unless the redemption waits to be handed over."""
    if redemption.state is not State.ISSUED:
        raise NotIssued(redemption=redemption.name, state=redemption.state)
