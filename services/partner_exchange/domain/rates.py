"""What one exchange gives: the terms of a pair of brands, and the arithmetic of converting by them.

All amounts are whole points of the sending ("send", "debited") or the receiving brand ("received"). Rates are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from partner_exchange.domain.errors import AboveMaximum, AmountTooSmall

POINTS_MAX = 10**12
"""The largest amount on either side of one exchange, in points. Well inside what the ledger posts (2^53)."""


@dataclass(frozen=True, slots=True)
class ThresholdBonus:
    """`points` received on top for each whole `threshold` debited in one exchange (+5,000 for each 60,000)."""

    threshold: int
    points: int


@dataclass(frozen=True, slots=True)
class PairRate:
    """The terms by which `sender`'s points become `receiver`'s.

    `rate` is received points for one debited point. A debited amount is a multiple of `increment` from `minimum` to
    `maximum`. See `book.check` for the bounds that every published pair keeps; the arithmetic here relies on them.
    """

    sender: str
    receiver: str
    rate: Fraction
    minimum: int = 1
    increment: int = 1
    maximum: int = POINTS_MAX
    bonus: ThresholdBonus | None = None

    @property
    def first_step(self) -> int:
        """The least allowed amount, in increments."""
        return -(-self.minimum // self.increment)

    @property
    def last_step(self) -> int:
        """The largest allowed amount, in increments."""
        return self.maximum // self.increment

    def bonus_for(self, debited: int) -> int:
        """The bonus points on an exchange of `debited` points."""
        return debited // self.bonus.threshold * self.bonus.points if self.bonus else 0

    def received_for(self, debited: int) -> int:
        """The points received for an allowed amount, bonus included: rounded down, never a point from nothing."""
        return debited * self.rate.numerator // self.rate.denominator + self.bonus_for(debited)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What one exchange does: `debited` leaves the sender, `received` arrives, `bonus` of it from a threshold.

    `remainder` is what was offered beyond `debited` and would have bought nothing: it stays with the member.
    """

    debited: int
    received: int
    bonus: int
    remainder: int


def largest_maximum(rate: Fraction, bonus: ThresholdBonus | None) -> int:
    """The maximum of a pair that names none: what keeps both sides within POINTS_MAX."""
    at_best = rate + (Fraction(bonus.points, bonus.threshold) if bonus else 0)
    return min(POINTS_MAX, int(POINTS_MAX / at_best))


def convert_send(pair: PairRate, send: int) -> Conversion:
    """Converts as much of `send` as buys something: received is rounded down, and the debit is the least amount that
    buys it, so that no point is taken for nothing.

    Raises:
        AboveMaximum: `send` is more than the pair allows in one exchange.
        AmountTooSmall: `send` buys not even one point, or is below the minimum; says the smallest amount that does.
    """
    if send > pair.maximum:
        raise AboveMaximum(maximum=pair.maximum, receives_at_most=received_at_most(pair))
    steps = send // pair.increment
    received = pair.received_for(steps * pair.increment) if steps >= pair.first_step else 0
    if received == 0:
        raise AmountTooSmall(send=send, smallest_send=smallest_send(pair))
    return _conversion(pair, _least_debit(pair, received), offered=send)


def convert_receive(pair: PairRate, receive_at_least: int) -> Conversion:
    """The least debit that brings at least `receive_at_least`; a step or a bonus may bring more.

    Raises:
        AboveMaximum: no single exchange of this pair brings as much.
    """
    most = received_at_most(pair)
    if receive_at_least > most:
        raise AboveMaximum(maximum=pair.maximum, receives_at_most=most)
    return _conversion(pair, _least_debit(pair, receive_at_least), offered=None)


def smallest_send(pair: PairRate) -> int:
    """The least amount that may be sent and buys at least one point."""
    return _least_debit(pair, 1)


def received_at_most(pair: PairRate) -> int:
    """What the largest allowed single exchange brings."""
    return pair.received_for(pair.last_step * pair.increment)


def _conversion(pair: PairRate, debited: int, offered: int | None) -> Conversion:
    return Conversion(
        debited=debited,
        received=pair.received_for(debited),
        bonus=pair.bonus_for(debited),
        remainder=0 if offered is None else offered - debited,
    )


def _least_debit(pair: PairRate, received: int) -> int:
    """The least allowed amount that brings at least `received`, which the largest allowed amount must bring."""
    steps = _least(pair.first_step, pair.last_step, lambda n: pair.received_for(n * pair.increment) >= received)
    return steps * pair.increment


def _least(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The least n in [low, high] for which `holds`, which stays true once it is and is true of `high`."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
