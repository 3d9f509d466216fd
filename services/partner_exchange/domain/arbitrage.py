"""No arbitrage: the proof that a rate book cannot be played, or a sequence of exchanges that plays it.

A book is profitable if some finite, repeatable sequence of its exchanges ends with more points than it began: at
least as many of every brand, and more of one.

The test is exact. Take for each pair its best rate w, which some allowed exchange attains (`best_rate`).

- If no cycle of pairs has a product of best rates above 1, then every brand can be given a positive value v such that
  w(a→b)·v(b) ≤ v(a) for every pair: 1 ÷ the worth that `_gaining_cycle` ends with. Then no exchange whatever
  raises the value of what a member holds, hence no sequence of them ends with more. The book is safe.
- If a cycle has a product above 1, repeat the attaining exchange of each of its pairs so often that what one step
  brings is exactly what the next ones debit: the last step brings more than the first debited. The book is profitable.

Limits over time (a day's cap, a velocity) are ignored, since they slow a gain and do not prevent it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import lcm

from partner_exchange.domain.best_rate import BestExchange, best_exchange
from partner_exchange.domain.converting import convert_send, smallest_send
from partner_exchange.domain.errors import AboveMaximum, AmountTooSmall
from partner_exchange.domain.rates import PairRate

SEARCH_MULTIPLES = (*range(1, 65), *(2**n for n in range(7, 24)))
REPEATS_MAX = 10**6
"""Exchanges that a step is repeated for, where amounts are looked for that can be tried."""


@dataclass(frozen=True, slots=True)
class Step:
    """`times` equal exchanges of `debited` points each, bringing `received` each."""

    sender: str
    receiver: str
    debited: int
    received: int
    times: int
    promotion: str = ""
    """The id of the promotion that it needs."""


@dataclass(frozen=True, slots=True)
class Arbitrage:
    """A sequence of exchanges, all allowed by the book, that begins with `began` points of the first brand and ends
    with `ended` of them. `ended` is more, or it is as many and points of another brand are left over.
    """

    steps: tuple[Step, ...]

    @property
    def cycle(self) -> tuple[str, ...]:
        """The brands in the order of the steps; the first one is the last one."""
        return (*(step.sender for step in self.steps), self.steps[0].sender)

    @property
    def exchanges(self) -> int:
        """How many exchanges it takes."""
        return sum(step.times for step in self.steps)

    @property
    def began(self) -> int:
        """Points of the first brand that the first step debits."""
        return self.steps[0].debited * self.steps[0].times

    @property
    def ended(self) -> int:
        """Points of the first brand that the last step brings."""
        return self.steps[-1].received * self.steps[-1].times

    @property
    def left_over(self) -> dict[str, int]:
        """Points of the other brands that a step brought and the next one did not debit."""
        left = (a.received * a.times - b.debited * b.times for a, b in zip(self.steps, self.steps[1:], strict=False))
        return {step.receiver: points for step, points in zip(self.steps, left, strict=False) if points}

    def __str__(self) -> str:
        """`60000 a -> 25000 b; 25000 b -> 62500 a`; repeated exchanges as `3 x 250 a -> 3 x 200 b`, and one that a
        promotion gives with its id, `250 a -> 300 b (spring)`.
        """
        return "; ".join(map(_shown, self.steps))


def _shown(step: Step) -> str:
    times = f"{step.times} x " if step.times > 1 else ""
    promotion = f" ({step.promotion})" if step.promotion else ""
    return f"{times}{step.debited} {step.sender} -> {times}{step.received} {step.receiver}{promotion}"


def find_arbitrage(pairs: Sequence[PairRate]) -> Arbitrage | None:
    """A sequence that gains, as short and small as a bounded search finds it; None proves that there is none."""
    return arbitrage_of([best_exchange(pair) for pair in pairs])


def arbitrage_of(exchanges: Sequence[BestExchange]) -> Arbitrage | None:
    """As `find_arbitrage`, of the best exchanges of all pairs."""
    cycle = _gaining_cycle(exchanges)
    if cycle is None:
        return None
    if found := _small_gain(cycle):
        return found
    exact, rough = _certain_gain(cycle), _repeated_gain(cycle)
    return rough if rough and rough.exchanges < exact.exchanges else exact


def _gaining_cycle(exchanges: Sequence[BestExchange]) -> list[BestExchange] | None:
    """A simple cycle with a product of best rates above 1, or None.

    Bellman and Ford over exact rationals: `worth[b]` is the most that the best rates turn one point of any brand
    into at b. It settles exactly when there is no such cycle (1 / worth are the values v above), and otherwise the
    exchanges that raised it close a cycle.
    """
    rates = [(exchange.pair.sender, exchange.pair.receiver, exchange.rate, exchange) for exchange in exchanges]
    worth = dict.fromkeys(chain.from_iterable((sender, receiver) for sender, receiver, _, _ in rates), Fraction(1))
    raised_by: dict[str, BestExchange] = {}
    while True:
        settled = True
        for sender, receiver, rate, exchange in rates:
            reached = worth[sender] * rate
            if reached > worth[receiver]:
                worth[receiver] = reached
                raised_by[receiver] = exchange
                settled = False
        if settled:
            return None
        if cycle := _closed(raised_by):
            return cycle


def _closed(raised_by: dict[str, BestExchange]) -> list[BestExchange] | None:
    """A cycle among the exchanges that last raised each brand; any such cycle gains."""
    cleared: set[str] = set()
    for start in raised_by:
        path: list[str] = []
        seen: set[str] = set()
        brand = start
        while brand in raised_by and brand not in cleared and brand not in seen:
            seen.add(brand)
            path.append(brand)
            brand = raised_by[brand].pair.sender
        if brand in seen:
            backwards = path[path.index(brand) :]
            return [raised_by[b] for b in reversed(backwards)]
        cleared.update(path)
    return None


def _rotations(cycle: list[BestExchange]) -> Iterable[list[BestExchange]]:
    return (cycle[n:] + cycle[:n] for n in range(len(cycle)))


def _small_gain(cycle: list[BestExchange]) -> Arbitrage | None:
    """One exchange for each pair, each sending all that the one before brought: what an operator can check by hand.

    Tries growing amounts from each brand of the cycle, and takes the smallest that gains.
    """
    tries = [
        (amount, rotation)
        for rotation in _rotations(cycle)
        for amount in _tried(rotation[0])
        if amount <= rotation[0].pair.maximum
    ]
    for amount, rotation in sorted(tries, key=lambda each: each[0]):
        found = _walk([exchange.pair for exchange in rotation], amount)
        if found is not None:
            return found
    return None


def _tried(best: BestExchange) -> set[int]:
    """Amounts to begin with: multiples of the best one, and what a fee or a minimum lets pass of smaller ones."""
    smallest = smallest_send(best.pair)
    return {best.debited * n for n in SEARCH_MULTIPLES} | {smallest * 2**n for n in range(53)}


def _walk(pairs: list[PairRate], amount: int) -> Arbitrage | None:
    steps: list[Step] = []
    for pair in pairs:
        try:
            conversion = convert_send(pair, amount)
        except (AboveMaximum, AmountTooSmall):
            return None
        steps.append(_step(pair, conversion.debited, conversion.received, times=1))
        amount = conversion.received
    return _if_gaining(steps)


def _repeated_gain(cycle: list[BestExchange]) -> Arbitrage | None:
    """The best exchanges of the cycle, each as often as what the one before brought suffices for: found where a cycle
    gains enough to leave over at each step what does not fill one more exchange.
    """
    times = 1
    while times <= REPEATS_MAX:
        for rotation in _rotations(cycle):
            if found := _repeat(rotation, times):
                return found
        times *= 2
    return None


def _repeat(cycle: list[BestExchange], times: int) -> Arbitrage | None:
    steps: list[Step] = []
    for exchange in cycle:
        if steps:
            times = steps[-1].received * steps[-1].times // exchange.debited
        if not 1 <= times <= REPEATS_MAX:
            return None
        steps.append(_step(exchange.pair, exchange.debited, exchange.received, times))
    return _if_gaining(steps)


def _certain_gain(cycle: list[BestExchange]) -> Arbitrage:
    """The best exchanges of the cycle, each repeated until nothing is left over between the steps.

    Starting with S points the n-th step debits S·(product of the rates before it), which must be a whole multiple of
    that step's amount: the least such S is a least common multiple of denominators.
    """
    shares: list[Fraction] = []  # how often a step is taken for one point at the start
    flow = Fraction(1)
    for exchange in cycle:
        shares.append(flow / exchange.debited)
        flow *= exchange.rate
    begin = lcm(*(share.denominator for share in shares))
    return Arbitrage(
        tuple(
            _step(exchange.pair, exchange.debited, exchange.received, int(share * begin))
            for exchange, share in zip(cycle, shares, strict=True)
        )
    )


def _step(terms: PairRate, debited: int, received: int, times: int) -> Step:
    promotion = terms.promotion.promotion_id if terms.promotion else ""
    return Step(terms.sender, terms.receiver, debited, received, times, promotion)


def _if_gaining(steps: list[Step]) -> Arbitrage | None:
    found = Arbitrage(tuple(steps))
    gains = found.ended > found.began or (found.ended == found.began and found.left_over)
    return found if gains else None
