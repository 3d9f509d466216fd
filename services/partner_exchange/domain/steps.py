"""The way of an exchange with a remote partner: one side is asked after the other, each until it answers.

    RECEIVED → RESERVING → RESERVED → CREDITING → CREDITED → COMMITTED
        ↓          ↓           ↓          ↓
        ↓      CANCELLING ← ← ← ← ← ← ← ← ←
        ↓          ↓
      ABORTED ← ← ←

The state is committed before a side is asked, and what it answered after. Nobody refuses for it: a side that does not
answer is asked the same again. So the exchange may end as ABORTED from before RESERVED always, from RESERVED by us,
from CREDITING only by a definite refusal of the receiving side, and after CREDITED never. CANCELLING is the time in
which the sending side is told to give back what it has reserved, or may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.locked import Locked
from partner_exchange.domain.exchanges import Commitment, Exchange, Expiry, Leg, Refusal, State, received_legs
from partner_exchange.domain.partners import Partner

NOT_RESERVED_IN_TIME = Refusal("NOT_RESERVED_IN_TIME", {}, kept=True)
RESERVED_OTHERWISE = Refusal("RESERVED_OTHERWISE", {}, kept=True)
"""The sending side says that it reserved something else than it was asked to."""


@dataclass(frozen=True, slots=True)
class Source:
    """When the points expire that are sent, soonest first; `complete`: what is beyond them never does. `locked` of the
    account's points have to be left, if any.
    """

    expiries: Sequence[Expiry]
    complete: bool
    locked: Locked | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A side's answer that it has done what it was asked."""

    reference: str = ""
    """What it calls it."""
    source: Source | None = None
    """Of a reservation by a remote side."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A side's answer that the contract does not know, such as another amount than was asked."""

    words: str


Answer = Done | Refusal | Unclear


@dataclass(frozen=True, slots=True)
class Patience:
    """How long remote partners are waited for."""

    to_reserve: timedelta
    """Since the quote was used: an exchange that is not RESERVED by then is given up."""
    to_answer: timedelta
    """Since it is asked: a side that has not answered by then is put before the operator."""


def asked(exchange: Exchange, sender: Partner, receiver: Partner) -> str | None:
    """The id of the remote partner whose answer the exchange waits for; None where it waits for the ledger, or is at
    its end.
    """
    match exchange.state:
        case State.RECEIVED | State.RESERVED | State.CREDITING:
            partner = receiver
        case State.RESERVING | State.CREDITED | State.CANCELLING:
            partner = sender
        case _:
            return None
    return partner.profile.partner_id if partner.profile.remote else None


def goes_by_steps(sender: Partner, receiver: Partner) -> bool:
    """Whether the exchange is no single transaction of the ledger."""
    return sender.profile.remote or receiver.profile.remote


def to_reserving(exchange: Exchange, source: Source | None, receiver: Partner, now: datetime) -> Exchange:
    """The sending side is asked to reserve. What a hosted one's points are is fixed before they are moved."""
    state = replace(exchange, state=State.RESERVING)
    return state if source is None else sent_of(state, source, receiver, now)


def sent_of(exchange: Exchange, source: Source, receiver: Partner, now: datetime) -> Exchange:
    """The exchange with what the ledger is told of its points: when they expire, and what is left."""
    return replace(exchange, legs=legs_of(exchange, source, receiver, now), locked=source.locked)


def sources_of(exchange: Exchange, source: Source) -> tuple[Leg, ...]:
    """The debited points by their expiry."""
    debited = exchange.debited
    return received_legs(debited, debited, source.expiries, complete=source.complete, policy_expiry=None)


def to_crediting(exchange: Exchange) -> Exchange:
    """The receiving side is asked to credit: from here on only its refusal ends the exchange."""
    return replace(exchange, state=State.CREDITING)


def legs_of(exchange: Exchange, source: Source, receiver: Partner, now: datetime) -> tuple[Leg, ...]:
    """How the received points expire."""
    days = receiver.profile.received_lifetime_days
    return received_legs(
        exchange.debited,
        exchange.received,
        source.expiries,
        complete=source.complete,
        policy_expiry=None if days is None else now + timedelta(days=days),
    )


def after(exchange: Exchange, answer: Answer, sender: Partner, receiver: Partner, now: datetime) -> Exchange:
    """What the exchange is after the side that was asked has answered. An answer that it may not give leaves it where
    it is, for the operator.
    """
    match exchange.state, answer:
        case State.RECEIVED, Refusal():
            return replace(exchange, state=State.ABORTED, refusal=answer)
        case State.RESERVING, Done():
            legs = exchange.legs
            if answer.source is not None and not exchange.reverses:  # a reversal's are fixed when it is accepted
                legs = legs_of(exchange, answer.source, receiver, now)
            return replace(exchange, state=State.RESERVED, legs=legs, reservation=answer.reference)
        case State.RESERVING, Refusal():
            return replace(exchange, state=State.ABORTED, refusal=answer)
        case State.RESERVING, Unclear():
            return given_up(exchange, RESERVED_OTHERWISE)
        case State.CREDITING, Done():
            return replace(exchange, state=State.CREDITED, credit=answer.reference)
        case State.CREDITING, Refusal():
            return given_up(exchange, answer)
        case State.CREDITED, Done():
            return _committed(exchange, sender, now)
        case State.CANCELLING, Done():
            return replace(exchange, state=State.ABORTED)
        case _:
            return replace(exchange, needs_operator=True)


def given_up(exchange: Exchange, refusal: Refusal) -> Exchange:
    """The exchange on its way back: nothing was asked yet, or the sending side has to be told."""
    state = State.ABORTED if exchange.state is State.RECEIVED else State.CANCELLING
    return replace(exchange, state=state, refusal=refusal)


def _committed(exchange: Exchange, sender: Partner, now: datetime) -> Exchange:
    transaction = "" if sender.profile.remote else exchange.reservation
    return replace(exchange, state=State.COMMITTED, commitment=Commitment(transaction, now))


def is_too_late(exchange: Exchange, sender: Partner, patience: Patience, now: datetime) -> bool:
    """Whether the exchange is given up before it is RESERVED, or once it is.

    Not while a hosted sender's ledger is asked: that is ours, and will say.
    """
    if exchange.state is State.RESERVING and not sender.profile.remote:
        return False
    return (
        exchange.state in {State.RECEIVED, State.RESERVING, State.RESERVED}
        and now - exchange.create_time >= patience.to_reserve
    )


def waits_too_long(exchange: Exchange, patience: Patience, now: datetime) -> bool:
    """Whether what a partner has done is for people to find out. What is not reserved yet is given up instead."""
    if exchange.state not in {State.CREDITING, State.CREDITED, State.CANCELLING}:
        return False
    return now - (exchange.state_time or exchange.create_time) >= patience.to_answer
