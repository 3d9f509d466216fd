"""What was bought, and what of it was paid in money: order discounts and tenders spread over the lines.

All amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation
from membership.domain.earning import AMOUNT_MAX
from membership.domain.ids import ID_RULE, is_id

LINES_MAX = 100
QUANTITY_MAX = 10_000
DISCOUNTS_MAX = 20
WORD_MAX = 64
"""The longest sku, category or name of a place, in characters."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a basket."""

    line_id: str
    sku: str
    category: str
    quantity: int
    unit_price: int
    discount: int
    final_sale: bool = False

    @property
    def gross(self) -> int:
        """The price of all pieces."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Basket:
    """What was bought and how it was paid; what neither gift cards nor points paid was paid in money."""

    lines: tuple[Line, ...]
    order_discounts: tuple[int, ...] = ()
    tax: int = 0
    shipping: int = 0
    gift_cards: int = 0
    points: int = 0
    channel: str = ""
    store: str = ""
    cashier: str = ""
    terminal: str = ""

    @property
    def total(self) -> int:
        """What was paid in all."""
        return sum(line.gross - line.discount for line in self.lines) - sum(self.order_discounts) + self._extras

    @property
    def _extras(self) -> int:
        return self.tax + self.shipping


class What(Enum):
    """What a part of a purchase is. The values are stored."""

    GOODS = "goods"
    SHIPPING = "shipping"
    TAX = "tax"
    AMOUNT = "amount"
    """A purchase without lines."""


class Part(NamedTuple):
    """A line of a purchase, its shipping, its tax, or an amount without lines."""

    what: What
    line_id: str
    quantity: int
    gross: int
    """Before discounts."""
    net: int
    """After them: what was paid by all means, and can be refunded."""
    points: int
    """How much of it points paid."""
    gift_cards: int
    """How much of it gift cards paid."""


def parts(basket: Basket | None, amount: int) -> tuple[Part, ...]:
    """The parts of a purchase: its lines in their order, then shipping, then tax; or the amount, where it has no lines.

    Order discounts are spread over the lines by what they come to; what points pay by what then is left, and beyond the
    lines over shipping and tax; what gift cards pay likewise, by what points left.
    """
    if basket is None:
        return (Part(What.AMOUNT, "", 0, amount, amount, 0, 0),)
    after_line = [line.gross - line.discount for line in basket.lines]
    off = allocate(sum(basket.order_discounts), after_line)
    nets = [one - less for one, less in zip(after_line, off, strict=True)]
    extras = [basket.shipping, basket.tax]
    by_points = _tender(basket.points, nets, extras)
    left = [net - paid for net, paid in zip([*nets, *extras], by_points, strict=True)]
    by_cards = _tender(basket.gift_cards, left[: len(nets)], left[len(nets) :])
    goods = [
        Part(What.GOODS, line.line_id, line.quantity, line.gross, net, points, cards)
        for line, net, points, cards in zip(basket.lines, nets, by_points, by_cards, strict=False)
    ]
    beside = [
        Part(what, "", 0, amount, amount, points, cards)
        for what, amount, points, cards in zip(
            (What.SHIPPING, What.TAX), extras, by_points[len(nets) :], by_cards[len(nets) :], strict=True
        )
    ]
    return (*goods, *(part for part in beside if part.net))


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` spread in proportion to `weights` by largest remainder: the shares are whole and sum up to it. Equal
    remainders go to the earlier. Where all weights are 0, nothing can be spread, and `amount` must be 0.
    """
    whole = sum(weights)
    if not whole:
        assert amount == 0, "an amount is spread over something"
        return [0] * len(weights)
    shares = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(amount * weights[place] % whole))
    for place in by_remainder[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def _tender(amount: int, lines: Sequence[int], extras: Sequence[int]) -> list[int]:
    """How much of each line, and then of each extra, a tender pays."""
    paid = min(amount, sum(lines))
    shares, rest = allocate(paid, lines), amount - paid
    for extra in extras:
        shares.append(min(rest, extra))
        rest -= shares[-1]
    return shares


def is_word(text: str) -> bool:
    """Whether a text, which may be empty, can be a sku, a category or the name of a place."""
    return len(text) <= WORD_MAX and text.isprintable()


def violations(basket: Basket, amount: int) -> Iterator[FieldViolation]:
    """What is wrong with a basket of a purchase of `amount`, by the fields of the contract's `Basket`."""
    yield from _line_violations(basket)
    if len(basket.order_discounts) > DISCOUNTS_MAX:
        yield FieldViolation("order_discounts", f"must be at most {DISCOUNTS_MAX}")
    if not all(0 <= one <= AMOUNT_MAX for one in basket.order_discounts):
        yield FieldViolation("order_discounts", "must each be between 0 and 10^12")
    for name in ("tax", "shipping"):
        if not 0 <= getattr(basket, name) <= AMOUNT_MAX:
            yield FieldViolation(name, "must be between 0 and 10^12")
    for name in ("channel", "store", "cashier", "terminal"):
        if not is_word(getattr(basket, name)):
            yield FieldViolation(name, f"must be at most {WORD_MAX} printable characters")
    lines = sum(line.gross - line.discount for line in basket.lines)
    if sum(basket.order_discounts) > lines:
        yield FieldViolation("order_discounts", f"must be together at most what the lines come to, {lines}")
    if basket.total != amount:
        yield FieldViolation("lines", f"must come to the purchase's amount, {amount}: they come to {basket.total}")


def _line_violations(basket: Basket) -> Iterator[FieldViolation]:
    if not 1 <= len(basket.lines) <= LINES_MAX:
        yield FieldViolation("lines", f"must be 1 to {LINES_MAX}")
    if len({line.line_id for line in basket.lines}) < len(basket.lines):
        yield FieldViolation("lines", "must have different line_ids")
    for place, line in enumerate(basket.lines):
        path = f"lines[{place}]"
        if not is_id(line.line_id):
            yield FieldViolation(f"{path}.line_id", ID_RULE)
        for name in ("sku", "category"):
            if not is_word(getattr(line, name)):
                yield FieldViolation(f"{path}.{name}", f"must be at most {WORD_MAX} printable characters")
        if not 1 <= line.quantity <= QUANTITY_MAX:
            yield FieldViolation(f"{path}.quantity", "must be between 1 and 10,000")
        if not 0 <= line.unit_price <= AMOUNT_MAX:
            yield FieldViolation(f"{path}.unit_price", "must be between 0 and 10^12")
        elif not 0 <= line.discount <= max(line.gross, 0):
            yield FieldViolation(f"{path}.discount", "must be between 0 and what the line comes to")
