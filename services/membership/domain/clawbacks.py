"""What returns take back of a purchase with frozen terms: by line, by amount, or of the whole order.

What is kept is exact: pieces of a line come back with their share of what the line was paid with, an amount evenly from
all that is left. So it depends on what came back in all, not on the order in which it did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from membership.domain.baskets import Basket, Part
from membership.domain.errors import LineNotReturnable
from membership.domain.purchases import FrozenTerms, PlainTerms
from membership.domain.rules import Outcome
from membership.domain.stacking import ONE, ZERO, Kept, Term, Verdict, give
from membership.domain.tranches import share


@dataclass(frozen=True, slots=True)
class CameBack:
    """All that came back of a purchase: pieces by line id, an amount beside them in minor units, or everything."""

    pieces: Mapping[str, int] = field(default_factory=dict)
    amount: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A return as it came in: of an amount in minor units, of pieces by line id, or of all that is left."""

    return_id: str
    purchase_id: str
    event_time: datetime
    amount: int
    lines: tuple[tuple[str, int], ...] = ()
    whole: bool = False


def left_of_lines(parts: Sequence[Part], back: CameBack) -> Fraction:
    """What was paid for all that is left when the pieces are back, before the amount is, in minor units."""
    return sum((part.net * _pieces_share(part, back) for part in parts), ZERO)


def check(basket: Basket | None, before: CameBack, asked: Asked) -> None:
    """Whether the lines that came back can, after what came back before.

    Raises:
        LineNotReturnable: more pieces than are left, no such line, or a final sale.
    """
    bought = {line.line_id: 0 if line.final_sale else line.quantity for line in basket.lines} if basket else {}
    for line_id, quantity in asked.lines:
        left = 0 if before.whole else bought.get(line_id, 0) - before.pieces.get(line_id, 0)
        if quantity > left:
            raise LineNotReturnable(line_id, left, quantity)


def together(before: CameBack, asked: Asked) -> CameBack:
    """All that came back with this return."""
    pieces = Counter(before.pieces)
    pieces.update(dict(asked.lines))
    return CameBack(pieces, before.amount + asked.amount, before.whole or asked.whole)


def kept(parts: Sequence[Part], back: CameBack) -> Kept:
    """What is kept of a purchase. The pieces of a line count until all of it is back."""
    left = left_of_lines(parts, back)
    gone = back.whole or (back.amount > 0 and left <= back.amount)
    beside = ZERO if gone else ONE - back.amount / left if left else ONE
    return Kept(
        tuple(_pieces_share(part, back) * beside for part in parts),
        tuple(0 if gone else part.quantity - back.pieces.get(part.line_id, 0) for part in parts),
    )


def returned_amount(parts: Sequence[Part], back: CameBack) -> int:
    """What was refunded in all, in minor units, a fraction dropped."""
    total = sum(part.net for part in parts)
    if back.whole:
        return total
    refunded = total - left_of_lines(parts, back) + back.amount
    return min(total, refunded.numerator // refunded.denominator)


def cumulative(
    terms: PlainTerms | FrozenTerms,
    amount: int,
    back: CameBack,
    *,
    mild: bool,
    lost: frozenset[int] = frozenset(),
) -> tuple[int, int]:
    """What was refunded in all of a purchase of `amount`, in minor units, and what that takes of its points. What the
    terms at the places of `lost` gave is taken as a whole.
    """
    if isinstance(terms, FrozenTerms):
        return returned_amount(terms.parts, back), taken(terms.terms, terms.parts, back, mild=mild, lost=lost)
    returned = amount if back.whole else back.amount
    return returned, terms.terms.taken(amount, returned, mild=mild)


def keeps_something(terms: PlainTerms | FrozenTerms, amount: int, back: CameBack) -> bool:
    """Whether anything of a purchase of `amount` is kept when that is back."""
    if isinstance(terms, FrozenTerms):
        return kept(terms.parts, back).something
    return not back.whole and (amount == 0 or back.amount < amount)


def taken(
    terms: Sequence[Term], parts: Sequence[Part], back: CameBack, *, mild: bool, lost: frozenset[int] = frozenset()
) -> int:
    """What all that came back takes: F(E) − F(E − R), with F by the frozen terms. Where the program is mild, the lesser
    of that and of what R alone earns at its plain rates; minimums and bonuses are not plain, and are always held to.
    What the terms at the places of `lost` gave is taken already, as a whole.
    """
    everything, rest = Kept.all_of(parts), kept(parts, back)
    awarded, left = give(terms, everything), _without(lost, give(terms, rest))
    strict = sum(awarded) - sum(left)
    if not mild or not _plain(terms) or not rest.something:
        return strict
    bonuses = sum(
        before - after
        for term, before, after in zip(terms, awarded, left, strict=True)
        if term.outcome is Outcome.BONUS
    )
    came = Kept(
        tuple(one - other for one, other in zip(everything.shares, rest.shares, strict=True)),
        tuple(one - other for one, other in zip(everything.pieces, rest.pieces, strict=True)),
    )
    others = [(place, term) for place, term in enumerate(terms) if term.outcome is not Outcome.BONUS]
    alone = give([replace(term, cap=None) for _, term in others], came)
    plain = sum(awarded[place] if place in lost else one for (place, _), one in zip(others, alone, strict=True))
    return min(strict, plain + bonuses)


def wallet_shares(
    terms: FrozenTerms, back: CameBack, before: Mapping[int, int], lost: Collection[int], *, mild: bool
) -> dict[int, int]:
    """What is taken now of the credits in other units, by their places, when all of `back` is back and so much was
    taken of each `before`. Those at the places of `lost` were taken as a whole. Each unit by itself, as points.
    """
    shares: dict[int, int] = {}
    start = terms.own_credits
    for wallet in terms.wallets:
        places = range(start, start + len(wallet.tranches))
        start = places.stop
        gone = frozenset(
            term for place in places if place in lost for term in wallet.tranches[place - places.start].places
        )
        so_far = [before.get(place, 0) for place in places]
        in_all = taken(wallet.terms, terms.parts, back, mild=mild, lost=gone)
        now = max(0, in_all - sum(so_far))
        each = share(wallet.tranches, so_far, give(wallet.terms, kept(terms.parts, back)), now)
        shares |= {place: part for place, part in zip(places, each, strict=True) if part}
    return shares


def _without(lost: frozenset[int], points: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(0 if place in lost else one for place, one in enumerate(points)) if lost else points


def _plain(terms: Sequence[Term]) -> bool:
    """Whether all that was earned but bonuses was earned by spend, without a minimum or a bundle. What did not apply
    earned nothing, whatever it works on.
    """
    return all(
        not term.minimum_spend and not term.bundle and (term.outcome is Outcome.SPEND or not term.outcome.is_base)
        for term in terms
        if term.outcome is not Outcome.BONUS and term.verdict is Verdict.APPLIED
    )


def _pieces_share(part: Part, back: CameBack) -> Fraction:
    """The share of a part that is left when its pieces are back."""
    if not part.quantity:
        return ONE
    return Fraction(part.quantity - back.pieces.get(part.line_id, 0), part.quantity)
