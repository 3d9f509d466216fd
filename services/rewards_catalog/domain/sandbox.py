"""The sandbox provider: the last two digits of the points paid choose what it answers. The reference tells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rewards_catalog.domain.fulfilment import Issued, Order, Outcome, Refused, Undecided


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the sandbox does with an order, and in words."""

    words: str
    answer: Callable[[Order], Outcome]


def _code(order: Order) -> Issued:
    return Issued(f"SANDBOX-{order.id}")


MAGIC: dict[int, Behaviour] = {
    1: Behaviour("It refuses, with the reason `SANDBOX_REFUSES`.", lambda order: Refused("SANDBOX_REFUSES")),
    2: Behaviour(
        "It does not answer when it is asked first; asked again, it issues a code.",
        lambda order: _code(order) if order.asks else Undecided(),
    ),
    3: Behaviour(
        "It does not answer when it is asked first; asked again, it refuses with the reason `SANDBOX_REFUSES_LATER`.",
        lambda order: Refused("SANDBOX_REFUSES_LATER") if order.asks else Undecided(),
    ),
    4: Behaviour("It never answers: only `DecideFulfilment` or `ReportFulfilment` ends it.", lambda order: Undecided()),
    5: Behaviour("It issues the reward without a code.", lambda order: Issued("")),
}
"""By the last two digits."""
OTHERWISE = Behaviour("It issues a code, `SANDBOX-` and the redemption's id.", _code)


def sandbox(order: Order) -> Outcome:
    """What the sandbox answers to an order."""
    return MAGIC.get(order.points % 100, OTHERWISE).answer(order)
