"""What returns take, by the evaluator of earning rules: written from the specification alone, as it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypedDict

from guerdon.membership.v1.purchase_pb2 import Purchase
from tests.earning.evaluator import BASES, Kept, Part, Rated


class Step(TypedDict, total=False):
    """A return: of one of these."""

    line_id: str
    amount: int
    whole: bool


class Returns:
    """What came back of a purchase so far, and what that takes: F(E) - F(E - R), by the terms as they were frozen."""

    def __init__(self, rated: Rated, *, mild: bool) -> None:
        self._rated, self._mild = rated, mild
        self.pieces: dict[str, int] = {}
        self._amount, self._whole = 0, False

    def back(self, *, line_id: str = "", amount: int = 0, whole: bool = False) -> None:
        """A piece of a line, an amount, or all that is left comes back."""
        if line_id:
            self.pieces[line_id] = self.pieces.get(line_id, 0) + 1
        self._amount += amount
        self._whole = self._whole or whole

    def steps(self, purchase: Purchase, drawn: Iterable[tuple[str, int]]) -> Iterator[Step]:
        """What can come back of a purchase, one after the other: each piece or amount once the one before is back."""
        lines = {line.line_id: line.quantity for line in purchase.basket.lines}
        for what, number in drawn:
            left = [line_id for line_id, pieces in lines.items() if self.pieces.get(line_id, 0) < pieces]
            refundable = purchase.amount.minor_units - self.amount
            if not self.anything_left:
                return
            if what == "line" and left:
                yield {"line_id": left[number % len(left)]}
            elif amount := refundable * number // 100:
                yield {"amount": amount}

    def _by_pieces(self, part: Part) -> Fraction:
        if part.line is None:
            return Fraction(1)
        return 1 - Fraction(self.pieces.get(part.line.line_id, 0), part.pieces)

    @property
    def amount(self) -> int:
        """What was refunded in all, in minor units: pieces with their share, and amounts."""
        total = sum(part.net for part in self._rated.parts)
        if self._whole:
            return total
        by_pieces = total - sum((part.net * self._by_pieces(part) for part in self._rated.parts), Fraction(0))
        return min(total, math.floor(by_pieces + self._amount))

    def kept(self) -> Kept:
        """What is left: an amount comes evenly from all that no piece took."""
        parts = self._rated.parts
        left = sum((part.net * self._by_pieces(part) for part in parts), Fraction(0))
        evenly = Fraction(1)
        if self._whole or (self._amount and self._amount >= left):
            evenly = Fraction(0)
        elif left:
            evenly = 1 - self._amount / left
        gone = evenly == 0
        shares = [self._by_pieces(part) * evenly for part in parts]
        counted = [
            0 if gone or part.line is None else part.pieces - self.pieces.get(part.line.line_id, 0) for part in parts
        ]
        return Kept(shares, counted)

    @property
    def anything_left(self) -> bool:
        return any(self.kept().shares)

    def taken(self) -> int:
        """All that the returns take."""
        rated, kept, whole = self._rated, self.kept(), self._rated.everything()
        strict = sum(rated.give(whole).values()) - sum(rated.give(kept).values())
        given = [met for met in rated.met if not met.why_not and met.outcome != "bonus_points"]
        plain = all(met.outcome in {BASES[0], "multiplier"} for met in given)
        thresholds = any(met.rule is not None and (met.rule.minimum_spend or met.rule.bundle) for met in given)
        if not self._mild or not plain or thresholds:
            return strict
        came = Kept(
            [a - b for a, b in zip(whole.shares, kept.shares, strict=True)],
            [a - b for a, b in zip(whole.pieces, kept.pieces, strict=True)],
        )
        alone = sum(rated.give(came, capped=False, bonuses=False).values())
        bonuses = (
            strict - sum(rated.give(whole, bonuses=False).values()) + sum(rated.give(kept, bonuses=False).values())
        )
        return min(strict, alone + bonuses)
