"""Converting an amount by the terms in force: the least debit, what arrives, and the lines it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from partner_exchange.domain.errors import AboveMaximum, AmountTooSmall
from partner_exchange.domain.rates import PairRate


@dataclass(frozen=True, slots=True)
class Conversion:
    """What one exchange does: `debited` leaves the sender and `received` arrives, which is what the rate makes of it,
    and `bonus` from a threshold, less `fee`.

    `promoted` of the received points are brought by the promotion: without it so many fewer would arrive. `remainder`
    is what was offered beyond `debited` and would have bought nothing: it stays with the member. `cash_fee` is in minor
    units.
    """

    debited: int
    received: int
    bonus: int
    remainder: int
    fee: int = 0
    promoted: int = 0
    cash_fee: int = 0


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
    received, bonus = pair.received_for(debited), pair.bonus_for(debited)
    return Conversion(
        debited=debited,
        received=received,
        bonus=bonus,
        remainder=0 if offered is None else offered - debited,
        fee=pair.converted_for(debited) + bonus - received,
        promoted=received - pair.own.received_for(debited) if pair.own else 0,
        cash_fee=pair.cash_fee.rounded_up(debited) if pair.cash_fee else 0,
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
