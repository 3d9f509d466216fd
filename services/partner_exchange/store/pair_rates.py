"""The terms of pairs, as rows and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from partner_exchange.domain.fees import Fee
from partner_exchange.domain.rates import BonusCap, PairRate, Period, Promotion, ThresholdBonus


def pair_columns(pair: PairRate) -> dict[str, Any]:
    """A pair without its promotions."""
    return {
        "sender": pair.sender,
        "receiver": pair.receiver,
        "numerator": pair.rate.numerator,
        "denominator": pair.rate.denominator,
        "minimum": pair.minimum,
        "increment": pair.increment,
        "maximum": pair.maximum,
        **_bonus_columns(pair.bonus),
        "points_fee": _fee_members(pair.points_fee),
        "cash_fee": _fee_members(pair.cash_fee),
        "arrives_within_hours": pair.arrives_within_hours,
    }


def promotion_columns(pair: PairRate, promotion: Promotion) -> dict[str, Any]:
    """A promotion of a pair."""
    return {
        "sender": pair.sender,
        "receiver": pair.receiver,
        "promotion": promotion.promotion_id,
        "start_time": promotion.start_time.isoformat(),
        "end_time": promotion.end_time.isoformat(),
        "funder": promotion.funder,
        "numerator": promotion.rate.numerator if promotion.rate else None,
        "denominator": promotion.rate.denominator if promotion.rate else None,
        **_bonus_columns(promotion.bonus),
    }


def pair_rate(row: Mapping[str, Any]) -> PairRate:
    """A pair with its promotions, from its columns."""
    return PairRate(
        sender=row["sender"],
        receiver=row["receiver"],
        rate=Fraction(row["numerator"], row["denominator"]),
        minimum=row["minimum"],
        increment=row["increment"],
        maximum=row["maximum"],
        bonus=_bonus(row),
        points_fee=_fee(row["points_fee"]),
        cash_fee=_fee(row["cash_fee"]),
        arrives_within_hours=row["arrives_within_hours"],
        promotions=tuple(_promotion(kept) for kept in row["promotions"] or ()),
    )


def bonus_cap(points: int | None, period: str | None) -> BonusCap | None:
    """A cap from its two columns."""
    return None if points is None or period is None else BonusCap(points, Period(period))


def _bonus_columns(bonus: ThresholdBonus | None) -> dict[str, Any]:
    cap = bonus.cap if bonus else None
    return {
        "bonus_threshold": bonus.threshold if bonus else None,
        "bonus_points": bonus.points if bonus else None,
        "bonus_cap": cap.points if cap else None,
        "bonus_period": cap.period.value if cap else None,
    }


def _bonus(row: Mapping[str, Any]) -> ThresholdBonus | None:
    if row["bonus_threshold"] is None:
        return None
    return ThresholdBonus(row["bonus_threshold"], row["bonus_points"], bonus_cap(row["bonus_cap"], row["bonus_period"]))


def _fee_members(fee: Fee | None) -> dict[str, Any] | None:
    return None if fee is None else {"fixed": fee.fixed, "per_point": str(fee.per_point), "maximum": fee.maximum}


def _fee(kept: Mapping[str, Any] | None) -> Fee | None:
    return None if kept is None else Fee(kept["fixed"], Fraction(kept["per_point"]), kept["maximum"])


def _promotion(kept: Mapping[str, Any]) -> Promotion:
    return Promotion(
        promotion_id=kept["promotion"],
        start_time=datetime.fromisoformat(kept["start_time"]),
        end_time=datetime.fromisoformat(kept["end_time"]),
        funder=kept["funder"],
        rate=None if kept["numerator"] is None else Fraction(kept["numerator"], kept["denominator"]),
        bonus=_bonus(kept),
    )
