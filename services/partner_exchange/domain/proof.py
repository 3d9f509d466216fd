"""The proof of a rate book: that it cannot be played, neither by itself nor against the books before it.

Members keep what an earlier book gave them. So a book is proved together with all that were before it: of each pair the
best exchange of any of these books counts, as if all of them held at once, since the order of exchanges does not matter
to whoever has points of several brands. A rate can always be lowered; one that is raised beyond what earlier books paid
for would let members gain who exchanged before. Where that is meant, the book is a revaluation: it wants a second
person, and the books after it are proved with it and each other, no longer with those before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from partner_exchange.domain.arbitrage import Arbitrage, arbitrage_of
from partner_exchange.domain.best_rate import BestExchange, best_exchange
from partner_exchange.domain.errors import ArbitrageAcrossBooks, ArbitrageFound
from partner_exchange.domain.indirect import Detour, detours
from partner_exchange.domain.rates import PairRate

SHOWN_MAX = 1500
"""Characters of a cycle, or of its amounts, that a refusal shows: five of them fit a response's 8 KiB of metadata."""

MOVES_MAX = 100

Pair = tuple[str, str]
"""Sender and receiver."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the books before: 0 and nothing where there is none."""

    version: int
    """The newest one that held, holds or will hold."""
    pairs: Sequence[PairRate]
    """Its pairs."""
    best: Mapping[Pair, tuple[int, PairRate]]
    """For each pair the book with its best rate, of those that a new one is proved with, and its terms there."""


@dataclass(frozen=True, slots=True)
class Move:
    """A rate that moves far from one book to the next: best rates."""

    sender: str
    receiver: str
    before: Fraction
    after: Fraction


@dataclass(frozen=True, slots=True)
class Review:
    """What whoever publishes or approves a book should know of it; of what is many, the first hundred."""

    detours: Sequence[Detour]
    moves: Sequence[Move]
    gain: str
    """How members gain who exchanged by a book before; empty: they cannot."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A book that may be published, by two people where `review` has moves or a gain."""

    best: Mapping[Pair, int | None]
    """For each pair the book with its best rate, that later ones are proved with; None: this one."""
    review: Review

    @property
    def takes_two(self) -> bool:
        """Whether a second person has to approve."""
        return bool(self.review.moves or self.review.gain)


def prove(pairs: Sequence[PairRate], before: Before, move_max: Fraction, *, revaluation: bool) -> Proof:
    """The proof of a well-formed book.

    Raises:
        ArbitrageFound: a sequence of the book's exchanges ends with more than it began.
        ArbitrageAcrossBooks: one of its exchanges and those of earlier books does, and it is no `revaluation`.
    """
    own = {_key(pair): best_exchange(pair) for pair in pairs}
    if found := arbitrage_of(list(own.values())):
        raise ArbitrageFound(**_numbers(found))
    best: dict[Pair, int | None] = dict.fromkeys(own)
    joint = dict(own)
    for key, (version, terms) in before.best.items():
        exchange = best_exchange(terms)
        if key not in own or exchange.rate > own[key].rate:
            best[key], joint[key] = version, exchange
    gain = ""
    if found := arbitrage_of(list(joint.values())):
        if not revaluation:
            raise ArbitrageAcrossBooks(**_numbers(found), books=_shown(_books(found, best)))
        gain = _shown(f"{found} (books: {_books(found, best)})")
        best = dict.fromkeys(own)
    return Proof(best, Review(detours(list(own.values())), _moves(own, before, move_max), gain))


def _moves(own: Mapping[Pair, BestExchange], before: Before, move_max: Fraction) -> list[Move]:
    """The pairs whose own rate, or best one, moved by more than the fraction. One that the book before left out moves
    from the best rate that it had earlier: leaving it out for a book is no way round the second person.
    """
    known = {key: terms for key, (_, terms) in before.best.items()} | {_key(pair): pair for pair in before.pairs}
    far = []
    for key, old in known.items():
        new = own.get(key)
        if new is None:
            continue
        was, terms = best_exchange(old).rate, new.pair.own or new.pair
        if abs(new.rate / was - 1) > move_max or abs(terms.rate / old.rate - 1) > move_max:
            far.append(Move(old.sender, old.receiver, was, new.rate))
    return far[:MOVES_MAX]


def _books(found: Arbitrage, best: Mapping[Pair, int | None]) -> str:
    """Of each exchange of a cycle the version of its book; that of a new one is not given yet."""
    return ", ".join(str(best[step.sender, step.receiver] or "new") for step in found.steps)


def _numbers(found: Arbitrage) -> dict[str, str]:
    return {
        "cycle": _shown(" > ".join(found.cycle)),
        "amounts": _shown(str(found)),
        "began": _shown(str(found.began)),
        "ended": _shown(str(found.ended)),
        "left_over": _shown("; ".join(f"{points} {brand}" for brand, points in found.left_over.items())),
    }


def _shown(text: str) -> str:
    """As much of a text as an error's metadata may carry; only a book made for it has a longer one."""
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def _key(pair: PairRate) -> Pair:
    return pair.sender, pair.receiver


NONE_BEFORE = Before(0, (), {})
