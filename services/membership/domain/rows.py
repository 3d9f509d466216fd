"""Purchases as they come in, one or many, and the bounds each must keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation, InvalidField
from membership.domain.baskets import Basket
from membership.domain.baskets import violations as basket_violations
from membership.domain.earning import AMOUNT_MAX
from membership.domain.ids import ID_RULE, MEMBER_ID_RULE, is_id, is_member_id

ROWS_MAX = 1_000
"""The most rows of one chunk."""


class Row(NamedTuple):
    """A purchase as it came in. `event_us` is in microseconds since 1970, None where no usable time was given."""

    place: int
    """Its place among the rows it came with, from 0."""
    purchase_id: str
    member_id: str
    event_us: int | None
    amount: int
    basket: Basket | None = None


def sort_out(rows: Iterable[Row], latest_us: int) -> tuple[list[Row], dict[int, InvalidField]]:
    """The rows within their bounds, and for the others, by place, what is wrong. `latest_us` is the latest event time
    that is allowed.
    """
    good, wrong = [], {}
    for row in rows:
        event_us = row.event_us
        if (
            event_us is not None
            and 0 <= event_us <= latest_us
            and 0 <= row.amount <= AMOUNT_MAX
            and is_id(row.purchase_id)
            and is_member_id(row.member_id)
            and (row.basket is None or not any(basket_violations(row.basket, row.amount)))
        ):
            good.append(row)
        else:
            wrong[row.place] = InvalidField(_violations(row, latest_us))
    return good, wrong


def _violations(row: Row, latest_us: int) -> Iterator[FieldViolation]:
    if not is_id(row.purchase_id):
        yield FieldViolation("purchase_id", ID_RULE)
    if not is_member_id(row.member_id):
        yield FieldViolation("member_id", MEMBER_ID_RULE)
    if row.event_us is None or not 0 <= row.event_us <= latest_us:
        yield FieldViolation("event_time", "must be between 1970 and five minutes from now")
    if not 0 <= row.amount <= AMOUNT_MAX:
        yield FieldViolation("amount_minor_units", "must be between 0 and 10^12")
    if row.basket is not None:
        for one in basket_violations(row.basket, row.amount):
            yield FieldViolation(f"basket.{one.field}", one.description)
