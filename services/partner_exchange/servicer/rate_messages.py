"""Rate books and the terms of pairs as messages, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Literal

from google.protobuf.message import Message

from guerdon.exchange.v1 import coalition_admin_service_pb2 as pb
from guerdon.exchange.v1 import rates_pb2
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import rational as exact
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import check_id, parse
from partner_exchange.domain.book import BookState, Record
from partner_exchange.domain.fees import Fee
from partner_exchange.domain.proof import Review
from partner_exchange.domain.rates import BonusCap, PairRate, Period, Promotion, ThresholdBonus, largest_maximum
from partner_exchange.operations.rate_books import Draft
from partner_exchange.servicer.reading import COALITION, PARTNER, optional_time, rational

_STATES = {
    BookState.PROPOSED: res.RATE_BOOK_STATE_PROPOSED,
    BookState.PUBLISHED: res.RATE_BOOK_STATE_PUBLISHED,
    BookState.REJECTED: res.RATE_BOOK_STATE_REJECTED,
    BookState.WITHDRAWN: res.RATE_BOOK_STATE_WITHDRAWN,
}
_PERIODS = {
    Period.DAY: rates_pb2.BONUS_PERIOD_DAY,
    Period.MONTH: rates_pb2.BONUS_PERIOD_MONTH,
    Period.YEAR: rates_pb2.BONUS_PERIOD_YEAR,
}
_PERIODS_READ = {message: period for period, message in _PERIODS.items()}


def draft(request: pb.PublishRateBookRequest) -> Draft:
    """A book to publish. The bounds of its terms are the domain's to check."""
    (coalition_id,) = parse(request.parent, COALITION, "parent")
    book = request.rate_book
    return Draft(
        coalition_id,
        [_read_pair(message, f"rate_book.pairs[{number}]") for number, message in enumerate(book.pairs)],
        optional_time(book, "effective_time", "rate_book.effective_time"),
        request.revaluation,
    )


def _read_pair(message: res.PairRate, field: str) -> PairRate:
    """The terms of a pair; what is left out gets its default."""
    (sender,) = parse(message.sender, PARTNER, f"{field}.sender")
    (receiver,) = parse(message.receiver, PARTNER, f"{field}.receiver")
    pair = PairRate(
        sender=sender,
        receiver=receiver,
        rate=rational(message.rate, f"{field}.rate"),
        minimum=message.minimum or 1,
        increment=message.increment or 1,
        bonus=_read_bonus(message, f"{field}.bonus"),
        points_fee=_read_fee(message, "points_fee", field),
        cash_fee=_read_fee(message, "cash_fee", field),
        arrives_within_hours=message.arrives_within_hours,
        promotions=tuple(
            _read_promotion(each, f"{field}.promotions[{number}]") for number, each in enumerate(message.promotions)
        ),
    )
    return replace(pair, maximum=message.maximum or largest_maximum(pair))


def _read_bonus(message: res.PairRate | rates_pb2.Promotion, field: str) -> ThresholdBonus | None:
    if not message.HasField("bonus"):
        return None
    bonus = message.bonus
    if bonus.threshold < 1 or bonus.points < 1:
        raise InvalidField.of(field, "threshold and points must be at least 1")
    cap = None
    if bonus.cap or bonus.cap_period:
        period = _PERIODS_READ.get(bonus.cap_period)
        if period is None:
            raise InvalidField.of(f"{field}.cap_period", "must be one of the periods where there is a cap")
        cap = BonusCap(bonus.cap, period)
    return ThresholdBonus(bonus.threshold, bonus.points, cap)


def _read_fee(message: res.PairRate, kind: Literal["points_fee", "cash_fee"], field: str) -> Fee | None:
    if not message.HasField(kind):
        return None
    fee = message.points_fee if kind == "points_fee" else message.cash_fee
    per_point = rational(fee.per_point, f"{field}.{kind}.per_point") if fee.HasField("per_point") else Fraction(0)
    return Fee(fee.fixed, per_point, fee.maximum or None)


def _read_promotion(message: rates_pb2.Promotion, field: str) -> Promotion:
    return Promotion(
        promotion_id=check_id(message.promotion_id, f"{field}.promotion_id"),
        start_time=_required_time(message, "start_time", field),
        end_time=_required_time(message, "end_time", field),
        funder=parse(message.funder, PARTNER, f"{field}.funder")[0] if message.funder else None,
        rate=rational(message.rate, f"{field}.rate") if message.HasField("rate") else None,
        bonus=_read_bonus(message, f"{field}.bonus"),
    )


def _required_time(message: Message, name: str, field: str) -> datetime:
    time = optional_time(message, name, f"{field}.{name}")
    if time is None:
        raise InvalidField.of(f"{field}.{name}", "is required")
    return time


def book(record: Record, pairs: Sequence[PairRate] = ()) -> res.RateBook:
    """A book, with its rates where they are given."""
    edition = record.edition
    message = res.RateBook(
        name=edition.name,
        pairs=[pair(one) for one in pairs],
        effective_time=timestamp(edition.effective_time),
        publisher=record.publisher.actor,
        state=_STATES[record.state],
        decider=record.decider,
        revaluation=record.revaluation,
        review=_review(record.review),
    )
    if edition.end_time is not None:
        message.end_time.CopyFrom(timestamp(edition.end_time))
    if edition.withdraw_time is not None:
        message.withdraw_time.CopyFrom(timestamp(edition.withdraw_time))
    return message


def pair(kept: PairRate) -> res.PairRate:
    """The terms of a pair, promotions included."""
    return res.PairRate(
        sender=f"partners/{kept.sender}",
        receiver=f"partners/{kept.receiver}",
        rate=exact(kept.rate),
        minimum=kept.minimum,
        increment=kept.increment,
        maximum=kept.maximum,
        bonus=_bonus(kept.bonus),
        points_fee=_fee(kept.points_fee),
        cash_fee=_fee(kept.cash_fee),
        arrives_within_hours=kept.arrives_within_hours,
        promotions=[_promotion(promotion) for promotion in kept.promotions],
    )


def _bonus(kept: ThresholdBonus | None) -> rates_pb2.ThresholdBonus | None:
    if kept is None:
        return None
    message = rates_pb2.ThresholdBonus(threshold=kept.threshold, points=kept.points)
    if kept.cap is not None:
        message.cap, message.cap_period = kept.cap.points, _PERIODS[kept.cap.period]
    return message


def _fee(kept: Fee | None) -> rates_pb2.Fee | None:
    if kept is None:
        return None
    per_point = exact(kept.per_point) if kept.per_point else None
    return rates_pb2.Fee(fixed=kept.fixed, per_point=per_point, maximum=kept.maximum or 0)


def _promotion(kept: Promotion) -> rates_pb2.Promotion:
    return rates_pb2.Promotion(
        promotion_id=kept.promotion_id,
        start_time=timestamp(kept.start_time),
        end_time=timestamp(kept.end_time),
        rate=exact(kept.rate) if kept.rate else None,
        bonus=_bonus(kept.bonus),
        funder=f"partners/{kept.funder}" if kept.funder else "",
    )


def _review(kept: Review) -> rates_pb2.RateBookReview:
    return rates_pb2.RateBookReview(
        detours=[
            rates_pb2.Detour(
                path=[f"partners/{brand}" for brand in each.path],
                rate=_decimals(each.rate),
                direct_rate=_decimals(each.direct),
            )
            for each in kept.detours
        ],
        large_moves=[
            rates_pb2.LargeMove(
                sender=f"partners/{each.sender}",
                receiver=f"partners/{each.receiver}",
                before=_decimals(each.before),
                after=_decimals(each.after),
            )
            for each in kept.moves
        ],
        gain=kept.gain,
    )


def _decimals(number: Fraction) -> str:
    """For people to read: nine decimals, rounded down."""
    whole, decimals = divmod(number * 10**9 // 1, 10**9)
    return f"{whole}.{decimals:09}"
