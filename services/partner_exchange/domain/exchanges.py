"""Exchanges: their states, when received points expire, and what the ledger's answers mean.

    RECEIVED → POSTING → COMMITTED
                       → ABORTED     a definite refusal of the ledger

RECEIVED uses up the quote, in one transaction with it. POSTING fixes every word of the ledger request before it is
first sent, so that asking again is asking the same. Both ends are final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction

LEGS_MAX = 50
"""Postings that credit the receiver. One ledger transaction takes 100 postings."""

UNKNOWN_LASTS = timedelta(minutes=2)
"""After this long a request that was never answered can no longer be under way: the ledger's deadlines are shorter."""

FROZEN_REFUSALS = frozenset({"INSUFFICIENT_POINTS"})
"""Refusals that the ledger keeps with the request: every later answer to the same id is this one."""


class ExchangeState(Enum):
    """How far an exchange is."""

    RECEIVED = "RECEIVED"
    POSTING = "POSTING"
    COMMITTED = "COMMITTED"
    ABORTED = "ABORTED"

    @property
    def final(self) -> bool:
        """Whether it stays so."""
        return self in {ExchangeState.COMMITTED, ExchangeState.ABORTED}


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
    """Why the ledger refused."""

    reason: str
    metadata: dict[str, str]


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


def is_final_refusal(refusal: Refusal, *, first_ask: bool, last_ask: datetime, now: datetime) -> bool:
    """Whether a refusal ends the exchange.

    A refusal that the ledger does not keep answers this attempt only. If an earlier attempt went unanswered it may
    still be under way and post after all, so the refusal counts only once that attempt must be over.
    """
    return refusal.reason in FROZEN_REFUSALS or first_ask or now - last_ask >= UNKNOWN_LASTS


def owed(received: int, agreed_price: Fraction) -> Fraction:
    """What the sender owes the receiver, in minor units, exactly: received points times the receiver's price."""
    return received * agreed_price
