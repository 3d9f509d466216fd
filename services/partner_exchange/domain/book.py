"""What a rate book must be before it is looked at for arbitrage."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.errors import FieldViolation, InvalidField
from partner_exchange.domain.arbitrage import find_arbitrage
from partner_exchange.domain.errors import ArbitrageFound
from partner_exchange.domain.rates import POINTS_MAX, PairRate, received_at_most

PAIRS_MAX = 2450
"""Pairs in a book: fifty brands, each with each other."""

RATE_TERM_MAX = 10**9
"""The largest numerator and denominator of a rate."""

SHOWN_MAX = 1500
"""Characters of a cycle, or of its amounts, that a refusal shows: five of them fit a response's 8 KiB of metadata."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One published book of a coalition, its rates aside. It holds from `effective_time` to before `end_time`."""

    coalition_id: str
    version: int
    effective_time: datetime
    end_time: datetime | None
    """When the next book begins; None while no next one is published."""
    publisher: str

    @property
    def name(self) -> str:
        """Its resource name."""
        return book_name(self.coalition_id, self.version)


def book_name(coalition_id: str, version: int) -> str:
    """The resource name of a book."""
    return f"coalitions/{coalition_id}/rateBooks/{version}"


def effective_time(asked: datetime | None, now: datetime, last: datetime | None) -> datetime:
    """From when on a new book holds.

    Raises:
        InvalidField: that is in the past, or not after the book before.
    """
    begins = now if asked is None else asked
    if begins < now:
        raise InvalidField.of("rate_book.effective_time", "must not be in the past")
    if last is not None and begins <= last:
        raise InvalidField.of("rate_book.effective_time", f"must be after the book before, {last.isoformat()}")
    return begins


def check(pairs: Sequence[PairRate], partners: Collection[str]) -> None:
    """Whether the pairs make a book: within bounds, consistent, between partners of the coalition, and not profitable.

    Raises:
        InvalidField: a pair is malformed, doubled, or of a partner that is not in `partners`.
        ArbitrageFound: a sequence of the book's exchanges ends with more than it began.
    """
    violations = list(_violations(pairs, partners))
    if violations:
        raise InvalidField(violations)
    if found := find_arbitrage(pairs):
        raise ArbitrageFound(
            cycle=_shown(" > ".join(found.cycle)),
            amounts=_shown(str(found)),
            began=_shown(str(found.began)),
            ended=_shown(str(found.ended)),
            left_over=_shown("; ".join(f"{points} {brand}" for brand, points in found.left_over.items())),
        )


def _shown(text: str) -> str:
    """As much of a text as an error's metadata may carry; only a book made for it has a longer one."""
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def _violations(pairs: Sequence[PairRate], partners: Collection[str]) -> Iterator[FieldViolation]:
    if not 1 <= len(pairs) <= PAIRS_MAX:
        yield FieldViolation("rate_book.pairs", f"must be 1 to {PAIRS_MAX} pairs")
        return
    seen: set[tuple[str, str]] = set()
    for n, pair in enumerate(pairs):
        at = f"rate_book.pairs[{n}]"
        for field, partner in (("sender", pair.sender), ("receiver", pair.receiver)):
            if partner not in partners:
                yield FieldViolation(f"{at}.{field}", f"{partner} is no partner of this coalition")
        if pair.sender == pair.receiver:
            yield FieldViolation(f"{at}.receiver", "must differ from the sender")
        if (pair.sender, pair.receiver) in seen:
            yield FieldViolation(at, "this pair of sender and receiver is in the book already")
        seen.add((pair.sender, pair.receiver))
        terms = list(_terms(pair))
        yield from (FieldViolation(f"{at}.{field}", description) for field, description in terms)


def _terms(pair: PairRate) -> Iterator[tuple[str, str]]:
    """The violations of one pair's terms; the later ones only mean something once the earlier ones hold."""
    bounded = True
    if not (0 < pair.rate.numerator <= RATE_TERM_MAX and pair.rate.denominator <= RATE_TERM_MAX):
        yield "rate", f"numerator and denominator must be 1 to {RATE_TERM_MAX} in lowest terms"
        bounded = False
    for field, amount in (("minimum", pair.minimum), ("increment", pair.increment), ("maximum", pair.maximum)):
        if not 1 <= amount <= POINTS_MAX:
            yield field, f"must be 1 to {POINTS_MAX}"
            bounded = False
    if pair.bonus and not (1 <= pair.bonus.threshold <= POINTS_MAX and 1 <= pair.bonus.points <= POINTS_MAX):
        yield "bonus", f"threshold and points must be 1 to {POINTS_MAX}"
        bounded = False
    if not bounded:
        return
    if pair.first_step > pair.last_step:
        yield "maximum", "no multiple of the increment lies between minimum and maximum"
        return
    if pair.bonus and (pair.bonus.threshold % pair.increment or pair.bonus.threshold * pair.rate % 1):
        yield "bonus.threshold", "must be a multiple of the increment and convert into whole points by itself"
    most = received_at_most(pair)
    if most < 1:
        yield "maximum", "not even the largest amount buys a point"
    if most > POINTS_MAX:
        yield "maximum", f"the largest amount must not bring more than {POINTS_MAX} points"
