"""Exchanges: their states, when received points expire, and what the ledger's answers mean.

    RECEIVED → POSTING → COMMITTED
                       → ABORTED     a definite refusal of the ledger

RECEIVED uses up the quote, in one transaction with it. POSTING fixes every word of the ledger request before it is
first sent, so that asking again is asking the same. Both ends are final. Where a partner is remote there is no POSTING:
the way from RECEIVED to the ends goes by the steps of `partner_exchange.domain.steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction

from guerdon_kit.errors import DomainError
from guerdon_kit.locked import Locked
from partner_exchange.domain.bonuses import BonusCount
from partner_exchange.domain.errors import ExchangeAborted, InsufficientPoints, PointsLocked

LEGS_MAX = 50
"""Postings that credit the receiver. One ledger transaction takes 100 postings."""

UNKNOWN_LASTS = timedelta(minutes=2)
"""After this long a request that was never answered can no longer be under way: the ledger's deadlines are shorter."""

FROZEN_REFUSALS = frozenset({"INSUFFICIENT_POINTS", "POINTS_LOCKED", "EXPIRY_PASSED", "ACCOUNT_CLOSED"})
"""Refusals that the ledger keeps with the request: every later answer to the same id is this one."""

NO_REFUSALS = frozenset({"REQUEST_ID_REUSED"})
"""Answers by which the ledger knows the request in other words, such as those of another release: an earlier attempt
was decided, and whether it posted they do not tell.
"""


class State(Enum):
    """How far an exchange is."""

    RECEIVED = "RECEIVED"
    POSTING = "POSTING"
    RESERVING = "RESERVING"
    RESERVED = "RESERVED"
    CREDITING = "CREDITING"
    CREDITED = "CREDITED"
    CANCELLING = "CANCELLING"
    COMMITTED = "COMMITTED"
    ABORTED = "ABORTED"

    @property
    def final(self) -> bool:
        """Whether it stays so."""
        return self in {State.COMMITTED, State.ABORTED}


@dataclass(frozen=True, slots=True)
class Expiry:
    """Points that expire at one moment."""

    expire_time: datetime
    points: int


@dataclass(frozen=True, slots=True)
class Leg:
    """Received points that expire together; None: never."""

    points: int
    expire_time: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a side refused."""

    reason: str
    metadata: dict[str, str]
    kept: bool = False
    """Whether every later answer to the same question is this one, whatever the reason."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The ledger's answer that it posted."""

    transaction: str
    record_time: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that the ledger is asked."""

    ask_time: datetime
    """When it began: later than all that may be under way."""
    asked_before: datetime | None
    """When the attempt before it began that may still be under way; None if it is the first."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """What the ledger made of an exchange."""

    transaction: str
    """The ledger's name of it, in the sender's program; empty where the sender is remote."""
    commit_time: datetime


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange as it is kept. `legs` are there from POSTING, or from RESERVED on."""

    exchange_id: str
    coalition_id: str
    book_version: int
    sender: str
    receiver: str
    source_account_id: str
    destination_account_id: str
    debited: int
    received: int
    bonus: int
    agreed_price: Fraction
    """The receiver's, as it was when the quote was used: minor units for a point."""
    actor: str
    """Whom it is booked to, here and in the ledger."""
    create_time: datetime
    state: State = State.RECEIVED
    legs: tuple[Leg, ...] = ()
    locked: Locked | None = None
    """What has to be left in a hosted sender's account, from when the legs are there; None: nothing."""
    refusal: Refusal | None = None
    commitment: Commitment | None = None
    fee: int = 0
    """Points that the fee took off."""
    cash_fee: int = 0
    """Minor units of the settlement currency, which the sender takes of its member for the hub."""
    authorization_reference: str = ""
    """The sending brand's, of what its member agreed to; empty where none was given."""
    promotion_id: str | None = None
    funder: str | None = None
    """Who pays for `promoted`: a partner's id; None with a promotion: the hub."""
    promoted: int = 0
    """Of the received points, those that the promotion brought."""
    state_time: datetime | None = None
    """Since when a remote partner is asked what it is asked now; None before it is asked first."""
    reservation: str = ""
    """What the sending side calls what it reserved: a hosted one's is the ledger's transaction."""
    credit: str = ""
    """What the receiving side calls what it credited."""
    unanswered: int = 0
    """How often the remote partner that is asked now has not answered: above 0, the outcome is unknown."""
    needs_operator: bool = False
    """Whether people have to find out what the remote partner has done."""
    bonus_count: BonusCount | None = None
    """What its bonus was counted in; None: the bonus has no cap."""
    returned: int = 0
    """How many of the debited points have been taken back, or are about to be."""
    reverses: str = ""
    """The id of the exchange that this one takes back; empty: none. See `other_way` of the domain's reversals."""

    @property
    def name(self) -> str:
        """Its resource name, under the sending partner; of a reversal, under that of the exchange that goes back."""
        if self.reverses:
            return f"partners/{self.receiver}/exchanges/{self.reverses}/reversals/{self.exchange_id}"
        return f"partners/{self.sender}/exchanges/{self.exchange_id}"

    @property
    def owed(self) -> Fraction:
        """What the sender owes the receiver for it once it is COMMITTED, in minor units, exactly: received points times
        the receiver's price.
        """
        return self.received * self.agreed_price

    @property
    def owing(self) -> dict[str, Fraction]:
        """What partners owe for it as soon as it is under way, in minor units."""
        return owing(self.sender, self.funder, self.received, self.promoted, self.cash_fee, self.agreed_price)

    @property
    def due(self) -> dict[str, Fraction]:
        """What partners are owed for it once it is COMMITTED, in minor units."""
        paid = self.promoted * self.agreed_price if self.funder != self.sender else Fraction(0)
        return {self.receiver: self.owed, self.sender: paid} if paid else {self.receiver: self.owed}


def owing(
    sender: str, funder: str | None, received: int, promoted: int, cash_fee: int, price: Fraction
) -> dict[str, Fraction]:
    """What partners owe for an exchange, in minor units: the sender all that was received, and the fee that its member
    paid in cash; and who funds a promotion, unless that is the sender or the hub, what the promotion brought.
    """
    owed = {sender: received * price + cash_fee}
    if promoted and funder is not None and funder != sender:
        owed[funder] = promoted * price
    return owed


def received_legs(
    debited: int,
    received: int,
    source: Sequence[Expiry],
    *,
    complete: bool,
    policy_expiry: datetime | None,
) -> tuple[Leg, ...]:
    """How the received points expire: at the earlier of the receiver's policy and their source's expiry, so that no
    round trip makes points younger.

    `source` is when the sender's points expire, soonest first, which is the order in which a debit takes them;
    `complete` says that what is beyond it never expires. Received points follow their source in proportion, rounded so
    that the sooner expiry gets the odd point. With more than LEGS_MAX moments the later ones expire with the last leg.
    """
    legs: list[Leg] = []
    taken = given = 0
    ends: list[tuple[int, datetime | None]] = [(bucket.points, bucket.expire_time) for bucket in source]
    ends.append((debited, None if complete or not source else source[-1].expire_time))
    for points, source_expiry in ends:
        taken = min(debited, taken + points)
        share = -(-received * taken // debited) - given
        given += share
        if share:
            _append(legs, Leg(share, _earlier(source_expiry, policy_expiry)))
    return tuple(legs)


def _append(legs: list[Leg], leg: Leg) -> None:
    if legs and (legs[-1].expire_time == leg.expire_time or len(legs) == LEGS_MAX):
        legs[-1] = Leg(legs[-1].points + leg.points, legs[-1].expire_time)
    else:
        legs.append(leg)


def _earlier(a: datetime | None, b: datetime | None) -> datetime | None:
    return min((time for time in (a, b) if time is not None), default=None)


def is_final_refusal(refusal: Refusal, *, asked_before: datetime | None, now: datetime) -> bool:
    """Whether a refusal ends the exchange; `asked_before` is when the attempt before this one began, None if this is
    the first.

    A refusal that the ledger does not keep answers this attempt only. If an earlier attempt went unanswered it may
    still be under way and post after all, so the refusal counts only once that attempt must be over.
    """
    if refusal.reason in NO_REFUSALS:
        return False
    return (
        refusal.kept or refusal.reason in FROZEN_REFUSALS or asked_before is None or now - asked_before >= UNKNOWN_LASTS
    )


def refused_with(exchange: Exchange) -> DomainError:
    """What the caller of an ABORTED exchange is told: the refusal of the ledger, or of a partner, which says no
    numbers.
    """
    assert exchange.refusal is not None
    said = exchange.refusal.metadata
    numbers = {key: said[key] for key in ("required", "available", "locked", "missing") if key in said}
    if exchange.refusal.reason == PointsLocked.reason and len(numbers) == 4:
        return PointsLocked(**numbers)
    if exchange.refusal.reason == InsufficientPoints.reason and len(numbers) == 3:
        return InsufficientPoints(**numbers)
    return ExchangeAborted(exchange=exchange.name, ledger_reason=exchange.refusal.reason)


@dataclass(frozen=True, slots=True)
class Position:
    """What one brand sent another so far. All amounts are of committed exchanges."""

    sender: str
    receiver: str
    exchanges: int
    debited: int
    received: int
    owed: Fraction
    """Minor units, exactly."""
