"""The bounds of one pair's terms, on which the arithmetic and the proof rely.

They also are why converting in two parts never gives more than at once, whatever the amounts: rounding down, a bonus
for whole thresholds and its cap give two parts at most what they give the whole, and a fee, which is no more than
`fixed` and grows by no more than `per_point`, costs them at least as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from partner_exchange.domain.converting import received_at_most
from partner_exchange.domain.fees import Fee
from partner_exchange.domain.rates import POINTS_MAX, PairRate, Promotion, ThresholdBonus

TERM_MAX = 10**9
"""The largest numerator and denominator of a rate."""

HOURS_MAX = 24 * 365
PROMOTIONS_MAX = 12
"""Promotions of a pair in one book."""

Violations = Iterator[tuple[str, str]]
"""Field, from the pair on, and what it must be."""


def terms_violations(pair: PairRate) -> Violations:
    """What is wrong with a pair's terms; the later bounds only mean something once the earlier ones hold."""
    wrong = list(_bounds(pair)) or list(_convertible(pair))
    if not wrong:
        wrong = list(_promotions(pair))
    yield from wrong


def _bounds(pair: PairRate) -> Violations:
    yield from _rate(pair.rate, "rate")
    for field, amount in (("minimum", pair.minimum), ("increment", pair.increment), ("maximum", pair.maximum)):
        if not 1 <= amount <= POINTS_MAX:
            yield field, f"must be 1 to {POINTS_MAX}"
    yield from _bonus(pair.bonus, "bonus")
    yield from _fee(pair.points_fee, "points_fee")
    yield from _fee(pair.cash_fee, "cash_fee")
    if pair.points_fee and pair.points_fee.per_point > pair.rate:
        yield "points_fee.per_point", "must not be more than the rate"
    if not 0 <= pair.arrives_within_hours <= HOURS_MAX:
        yield "arrives_within_hours", f"must be 0 to {HOURS_MAX}"
    if len(pair.promotions) > PROMOTIONS_MAX:
        yield "promotions", f"must be at most {PROMOTIONS_MAX}"


def _rate(rate: Fraction, field: str) -> Violations:
    if not (0 < rate.numerator <= TERM_MAX and rate.denominator <= TERM_MAX):
        yield field, f"numerator and denominator must be 1 to {TERM_MAX} in lowest terms"


def _bonus(bonus: ThresholdBonus | None, field: str) -> Violations:
    if bonus is None:
        return
    if not (1 <= bonus.threshold <= POINTS_MAX and 1 <= bonus.points <= POINTS_MAX):
        yield field, f"threshold and points must be 1 to {POINTS_MAX}"
    elif bonus.cap is not None and not bonus.points <= bonus.cap.points <= POINTS_MAX:
        yield f"{field}.cap", f"must be at least the bonus for one threshold, and at most {POINTS_MAX}"


def _fee(fee: Fee | None, field: str) -> Violations:
    if fee is None:
        return
    if not 0 <= fee.fixed <= POINTS_MAX:
        yield f"{field}.fixed", f"must be 0 to {POINTS_MAX}"
    if not (0 <= fee.per_point.numerator <= TERM_MAX and fee.per_point.denominator <= TERM_MAX):
        yield f"{field}.per_point", f"must be at least 0, numerator and denominator at most {TERM_MAX} in lowest terms"
    if fee.maximum is not None and not 1 <= fee.maximum <= POINTS_MAX:
        yield f"{field}.maximum", f"must be 1 to {POINTS_MAX}"
    if fee.fixed == 0 and fee.per_point == 0:
        yield field, "must be more than nothing"


def _convertible(terms: PairRate) -> Violations:
    """The bounds between the terms of one moment."""
    if terms.first_step > terms.last_step:
        yield "maximum", "no multiple of the increment lies between minimum and maximum"
        return
    if bonus := terms.bonus:
        fee = terms.points_fee.per_point if terms.points_fee else Fraction(0)
        converted, charged = bonus.threshold * terms.rate, bonus.threshold * fee
        if bonus.threshold % terms.increment or converted.denominator > 1 or charged.denominator > 1:
            yield (
                "bonus.threshold",
                "must be a multiple of the increment, and convert into whole points by itself, as must the fee on it",
            )
    if received_at_most(replace(terms, bonus=None)) < 1:
        yield "maximum", "not even the largest amount buys a point, bonus aside"
    if terms.converted_for(terms.maximum) + terms.bonus_for(terms.maximum) > POINTS_MAX:
        yield "maximum", f"the largest amount must not bring more than {POINTS_MAX} points"
    if terms.cash_fee and terms.cash_fee.exact(terms.maximum) > POINTS_MAX:
        yield "cash_fee", f"must not be more than {POINTS_MAX} on the largest amount"


def _promotions(pair: PairRate) -> Violations:
    """Each makes the pair's terms better, at every amount, and no two are on at once."""
    names = set()
    for n, promotion in enumerate(pair.promotions):
        at = f"promotions[{n}]"
        if promotion.promotion_id in names:
            yield f"{at}.promotion_id", "another promotion of the pair has this id"
        names.add(promotion.promotion_id)
        if promotion.start_time >= promotion.end_time:
            yield f"{at}.end_time", "must be after the start"
        yield from ((f"{at}.{field}", wrong) for field, wrong in _better(pair, promotion))
    in_order = sorted(pair.promotions, key=lambda each: each.start_time)
    if any(later.start_time < sooner.end_time for sooner, later in pairwise(in_order)):
        yield "promotions", "no two of a pair may be on at the same time"


def _better(pair: PairRate, promotion: Promotion) -> Violations:
    if promotion.rate is None and promotion.bonus is None:
        yield "rate", "a promotion has a rate, a bonus, or both"
        return
    if promotion.rate is not None:
        wrong = list(_rate(promotion.rate, "rate"))
        if not wrong and promotion.rate < pair.rate:
            wrong = [("rate", "must not be less than the pair's")]
        yield from wrong
        if wrong:
            return
    wrong = list(_bonus(promotion.bonus, "bonus"))
    if not wrong and promotion.bonus and pair.bonus and not _no_less(promotion.bonus, pair.bonus):
        wrong = [("bonus", "must bring no less than the pair's: its threshold must divide the pair's, and cap no less")]
    yield from wrong
    if not wrong:
        yield from _convertible(pair.under(promotion))


def _no_less(new: ThresholdBonus, own: ThresholdBonus) -> bool:
    """Whether a bonus is at least the other one for every amount and whatever was had of it in the period."""
    times, rest = divmod(own.threshold, new.threshold)
    capped_alike = new.cap is None or (
        own.cap is not None and own.cap.period is new.cap.period and own.cap.points <= new.cap.points
    )
    return rest == 0 and times * new.points >= own.points and capped_alike
