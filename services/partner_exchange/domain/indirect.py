"""Where a way through other brands beats the direct one: no arbitrage, but hardly what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from partner_exchange.domain.best_rate import BestExchange

WARNINGS_MAX = 100


@dataclass(frozen=True, slots=True)
class Detour:
    """A way from one brand to another through others, at best rates, that brings more than the direct exchange."""

    path: tuple[str, ...]
    """The brands in order, from the sender to the receiver."""
    rate: Fraction
    """Received for a debited point along the path, each exchange at its best rate."""
    direct: Fraction
    """The best rate of the direct exchange."""


def detours(exchanges: Sequence[BestExchange]) -> list[Detour]:
    """For each pair the best way around that beats it, up to WARNINGS_MAX of them; of a book that cannot be played.

    Floyd and Warshall with products in place of sums, exact: that there is no cycle with a product above 1 is what
    makes the best way a simple path.
    """
    best = {(each.pair.sender, each.pair.receiver): (each.received, each.debited) for each in exchanges}
    direct = dict(best)
    through: dict[tuple[str, str], str] = {}
    brands = sorted({brand for pair in best for brand in pair})
    for middle in brands:
        ahead = [(brand, best[middle, brand]) for brand in brands if (middle, brand) in best]
        for sender in brands:
            if sender == middle or (sender, middle) not in best:
                continue
            to_middle, of_middle = best[sender, middle]
            for receiver, (received, debited) in ahead:
                if receiver == sender:
                    continue
                known = best.get((sender, receiver))
                if known is None or to_middle * received * known[1] > of_middle * debited * known[0]:
                    product = Fraction(to_middle * received, of_middle * debited)
                    best[sender, receiver] = product.numerator, product.denominator
                    through[sender, receiver] = middle
    beaten = [pair for pair in direct if pair in through]
    return [
        Detour(_path(through, *pair), Fraction(*best[pair]), Fraction(*direct[pair])) for pair in beaten[:WARNINGS_MAX]
    ]


def _path(through: dict[tuple[str, str], str], sender: str, receiver: str) -> tuple[str, ...]:
    middle = through.get((sender, receiver))
    if middle is None:
        return (sender, receiver)
    return (*_path(through, sender, middle), *_path(through, middle, receiver)[1:])
