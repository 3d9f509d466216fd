"""The sandbox partner: the last two digits of an amount choose what its ledger answers. The reference tells them.

As a sender it goes by the points that are debited, as a receiver by those that are received. It keeps nothing: what it
answers follows from the amount and from how often it has not answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from partner_exchange.domain.exchanges import Refusal

REFUSES = Refusal("SANDBOX_REFUSES", {}, kept=True)
REFUSES_LATER = Refusal("SANDBOX_REFUSES_LATER", {}, kept=True)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the sandbox does when it is asked to reserve or to credit, and in words."""

    words: str
    answer: Callable[[int], bool | Refusal]
    """By how often it has not answered: True does it, False does not answer, a refusal refuses."""


MAGIC: dict[int, Behaviour] = {
    1: Behaviour("It refuses, with the reason `SANDBOX_REFUSES`.", lambda _unanswered: REFUSES),
    2: Behaviour(
        "It does not answer when it is asked first; asked again, it does it.", lambda unanswered: unanswered > 0
    ),
    3: Behaviour(
        "It does not answer when it is asked first; asked again, it refuses with the reason `SANDBOX_REFUSES_LATER`.",
        lambda unanswered: REFUSES_LATER if unanswered else False,
    ),
    4: Behaviour(
        "It takes as long as it is waited for, and does not answer, three times; asked again, it does it.",
        lambda unanswered: unanswered > 2,
    ),
    5: Behaviour(
        "It never answers. A reservation is given up in time; a credit ends with two people of the operator.",
        lambda _unanswered: False,
    ),
}
"""By the last two digits."""
TIMES_OUT = 4
OTHERWISE = Behaviour("It does it at once.", lambda _unanswered: True)


def behaviour(points: int) -> Behaviour:
    """What the sandbox does with an amount."""
    return MAGIC.get(points % 100, OTHERWISE)
