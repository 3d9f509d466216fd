"""A sandbox for rate books: sequences of exchanges carried out on points that are only counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from partner_exchange.domain.arbitrage import Arbitrage
from partner_exchange.domain.converting import convert_receive, convert_send
from partner_exchange.domain.errors import AboveMaximum, AmountTooSmall
from partner_exchange.domain.rates import PairRate

Pair = tuple[str, str]


def play(book: Sequence[PairRate], found: Arbitrage) -> dict[str, int]:
    """Carries the sequence out, exchange by exchange as the book allows them, and answers what it gained."""
    terms = {
        (each.sender, each.receiver, each.promotion.promotion_id if each.promotion else ""): each
        for pair in book
        for each in pair.variants()
    }
    points = {found.steps[0].sender: found.began}
    for step in found.steps:
        pair = terms[step.sender, step.receiver, step.promotion]
        conversion = convert_send(pair, step.debited)
        assert (conversion.received, pair.minimum <= step.debited <= pair.maximum) == (step.received, True)
        points[step.sender] -= step.debited * step.times
        assert points[step.sender] >= 0
        points[step.receiver] = points.get(step.receiver, 0) + step.received * step.times
    points[found.steps[0].sender] -= found.began
    return points


def gains(book: Sequence[PairRate], found: Arbitrage) -> bool:
    gained = play(book, found)
    return min(gained.values()) >= 0 and sum(gained.values()) > 0


@dataclass
class Walk:
    """Somebody who exchanges where the terms are at their best: at thresholds, steps, maximums, and what is left of a
    capped bonus.
    """

    home: str
    start: int
    rng: Random
    points: dict[str, int] = field(default_factory=dict)
    had: dict[Pair, int] = field(default_factory=dict)
    """Bonus points of each pair in the period."""
    exchanges: int = 0

    def __post_init__(self) -> None:
        self.points[self.home] = self.start

    def go(self, terms: Sequence[PairRate], steps: int) -> None:
        """Tries so many exchanges, by terms of any moment."""
        for _ in range(steps):
            pair = self.rng.choice(terms)
            key = pair.sender, pair.receiver
            rest = pair.after_bonuses(self.had.get(key, 0))
            held = self.points.get(pair.sender, 0)
            try:
                if self.rng.random() < 0.2:
                    conversion = convert_receive(rest, self.rng.randint(1, 1 + held))
                else:
                    conversion = convert_send(rest, min(held, self._aimed(pair, held)))
            except (AboveMaximum, AmountTooSmall):
                continue
            if conversion.debited > held:
                continue
            self.had[key] = self.had.get(key, 0) + (conversion.bonus if pair.bonus and pair.bonus.cap else 0)
            self.points[pair.sender] = held - conversion.debited
            self.points[pair.receiver] = self.points.get(pair.receiver, 0) + conversion.received
            self.exchanges += 1

    def next_period(self) -> None:
        """The caps of bonuses begin anew."""
        self.had.clear()

    @property
    def gained(self) -> bool:
        """Whether it has more than it began with: as many at home, and more of something."""
        home = self.points[self.home]
        return home > self.start or (home == self.start and sum(self.points.values()) > home)

    def _aimed(self, pair: PairRate, held: int) -> int:
        threshold = pair.bonus.threshold if pair.bonus else pair.increment
        aims = (
            held,
            pair.minimum,
            pair.maximum,
            held // threshold * threshold,
            threshold * self.rng.randint(1, 4),
            pair.increment * self.rng.randint(1, 40),
        )
        return min(pair.maximum, max(1, self.rng.choice(aims)))
