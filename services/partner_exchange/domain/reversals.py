"""Reversals: how much of an exchange goes back on each side, and until when.

    POSTING → COMMITTED
            → ABORTED     a definite refusal of the ledger

Where a partner is remote, a reversal is an exchange the other way, by the steps of `partner_exchange.domain.steps` from
RESERVING on: the receiver's side reserves what is taken back, the sender's side is credited what is returned.

One reversal of an exchange is under way at a time: the next one's rounding goes by what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.errors import ExchangeNotCommitted, OverReversal, ReversalTooLate
from partner_exchange.domain.exchanges import NO_REFUSALS, UNKNOWN_LASTS, Commitment, Exchange, Leg, Refusal, State

REVERSIBLE_FOR = timedelta(days=90)
"""How long after it was committed an exchange can be taken back, but by a dispute."""

_NEVER = datetime.max.replace(tzinfo=UTC)

GRACE = timedelta(days=30)
"""How long points last that have expired before a part of an exchange brings them back."""

KEPT_REFUSALS = frozenset(
    {
        "ACCOUNT_CLOSED",
        "EXPIRY_PASSED",
        "INSUFFICIENT_POINTS",
        "NOT_REVERSIBLE",
        "OVER_REVERSAL",
        "PARTIAL_REVERSAL_NOT_POSSIBLE",
        "TOO_MANY_LOTS",
    }
)
"""Refusals that the ledger keeps with the request: every later answer to the same id is this one."""


@dataclass(frozen=True, slots=True)
class Reversal:
    """A reversal as it is kept."""

    reversal_id: str
    exchange_id: str
    returned: int
    """Points that the sending member gets back."""
    taken_back: int
    """Points that the receiving member loses."""
    promoted_back: int
    """Those of them that a promotion brought."""
    legs: tuple[Leg, ...]
    """How the returned points expire; none where the whole exchange goes back by the ledger's own reversal."""
    reason: str
    actor: str
    create_time: datetime
    state: State
    refusal: Refusal | None = None
    commitment: Commitment | None = None
    state_time: datetime | None = None
    """Since when a side is asked what it is asked now; None: with the steps' first."""
    reservation: str = ""
    """What the receiver's side calls what it reserved."""
    credit: str = ""
    """What the sender's side calls what it was credited."""
    unanswered: int = 0
    """How often the remote partner that is asked now has not answered: above 0, the outcome is unknown."""
    needs_operator: bool = False
    """Whether people have to find out what the remote partner has done."""

    @property
    def whole(self) -> bool:
        """Whether it is the ledger's own reversal of the whole exchange."""
        return not self.legs


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an exchange, in points."""

    returned: int
    taken_back: int
    promoted_back: int


def check_reversible(exchange: Exchange, now: datetime, *, disputed: bool) -> None:
    """Only what is COMMITTED goes back, for as long as that is possible or a dispute was opened in time.

    Raises:
        ExchangeNotCommitted, ReversalTooLate: it does not.
    """
    if exchange.state is not State.COMMITTED or exchange.commitment is None:
        raise ExchangeNotCommitted(exchange=exchange.name, state=exchange.state.value)
    end = exchange.commitment.commit_time + REVERSIBLE_FOR
    if now > end and not disputed:
        raise ReversalTooLate(exchange=exchange.name, end_time=end.isoformat())


def other_way(reversal: Reversal, exchange: Exchange) -> Exchange:
    """The exchange that a reversal is: by its id, from the receiving member to the sending one."""
    return Exchange(
        exchange_id=reversal.reversal_id,
        coalition_id=exchange.coalition_id,
        book_version=exchange.book_version,
        sender=exchange.receiver,
        receiver=exchange.sender,
        source_account_id=exchange.destination_account_id,
        destination_account_id=exchange.source_account_id,
        debited=reversal.taken_back,
        received=reversal.returned,
        bonus=0,
        agreed_price=exchange.agreed_price,
        actor=reversal.actor,
        create_time=reversal.create_time,
        state=reversal.state,
        legs=reversal.legs,
        refusal=reversal.refusal,
        commitment=reversal.commitment,
        state_time=reversal.state_time or reversal.create_time,
        reservation=reversal.reservation,
        credit=reversal.credit,
        unanswered=reversal.unanswered,
        needs_operator=reversal.needs_operator,
        reverses=exchange.exchange_id,
    )


def part_to_reverse(exchange: Exchange, reversed_before: int, amount: int) -> Part:
    """What one more reversal returns and takes back; `amount` is of debited points, 0 all that is left.

    What all reversals together take back is in proportion to what they return, rounded up: what stays with the receiver
    is then what the rest is worth, rounded down as every exchange is, and all of it is taken back with the last point.

    Raises:
        InvalidField: the amount is below 0.
        OverReversal: it is more than is left, or nothing is.
    """
    if amount < 0:
        raise InvalidField.of("amount", "must be at least 0")
    remaining = exchange.debited - reversed_before
    returned = amount or remaining
    if returned > remaining or returned == 0:
        raise OverReversal(exchange=exchange.name, requested=amount or exchange.debited, remaining=remaining)

    def back(points: int) -> int:
        """What of points that the exchange brought goes back now."""
        by_then, before = (
            -(-points * gone // exchange.debited) for gone in (reversed_before + returned, reversed_before)
        )
        return by_then - before

    return Part(returned, back(exchange.received), back(exchange.promoted))


def returned_legs(sources: Sequence[Leg], reversed_before: int, returned: int, now: datetime) -> tuple[Leg, ...]:
    """How the points of a part expire that goes back, soonest first. `sources` are the debited points by their expiry,
    as they were taken; what was taken last comes back first, which is the ledger's order too.
    """
    legs: list[Leg] = []
    skip, wanted = reversed_before, returned
    for source in reversed(sources):
        skipped = min(skip, source.points)
        skip -= skipped
        points = min(source.points - skipped, wanted)
        wanted -= points
        if not points:
            continue
        over = source.expire_time is not None and source.expire_time <= now
        expires = now + GRACE if over else source.expire_time
        if legs and legs[-1].expire_time == expires:
            legs[-1] = Leg(legs[-1].points + points, expires)
        else:
            legs.append(Leg(points, expires))
    assert not wanted, "more is returned than was taken"
    return tuple(sorted(legs, key=lambda leg: leg.expire_time or _NEVER))


def ends_reversal(refusal: Refusal, *, asked_before: datetime | None, now: datetime) -> bool:
    """Whether a refusal ends a reversal; `asked_before` is when the attempt before this one began, None if this is the
    first. What the ledger does not keep answers this attempt only: an earlier one must be over.
    """
    if refusal.reason in NO_REFUSALS:
        return False
    return refusal.reason in KEPT_REFUSALS or asked_before is None or now - asked_before >= UNKNOWN_LASTS
