"""Points that go back for what was handed over: whether, how many, and for how long after."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from rewards_catalog.domain.errors import (
    AlreadyCancelled,
    NotCancellableYet,
    NotFulfilled,
    OverRefund,
    PartialRefundNotAllowed,
    RefundNotAllowed,
    RefundTooLate,
)
from rewards_catalog.domain.redemption import Redemption, State, check_not_transferred
from rewards_catalog.domain.refund_terms import RefundPolicy, RefundTerms


def refunding(redemption: Redemption, terms: RefundTerms, points: int, now: datetime) -> Redemption:
    """The redemption once it is decided that `points` of it go back; 0: all that are left of its price.

    Raises:
        NotFulfilled, NotCancellableYet, AlreadyCancelled: it was not handed over, or something is under way, or it has
            ended.
        TransferDone: the points are a partner's.
        RefundNotAllowed, PartialRefundNotAllowed, RefundTooLate, OverRefund: the terms say no.
    """
    check_not_transferred(redemption)
    _check_state(redemption)
    remaining = redemption.price - redemption.refunded
    due = points or remaining
    if terms.policy is RefundPolicy.NONE or redemption.granted:
        raise RefundNotAllowed(redemption=redemption.name)
    if due > remaining:
        raise OverRefund(redemption=redemption.name, requested=due, remaining=remaining)
    if terms.policy is RefundPolicy.WHOLE and due != redemption.price:
        raise PartialRefundNotAllowed(redemption=redemption.name, price=redemption.price, requested=due)
    assert redemption.fulfil_time is not None, "it was handed over"
    end_time = redemption.fulfil_time + timedelta(days=terms.days)
    if terms.days and now >= end_time:
        raise RefundTooLate(redemption=redemption.name, end_time=end_time.isoformat())
    return replace(redemption, state=State.REFUNDING, refunding=due, refunds=redemption.refunds + 1, update_time=now)


def _check_state(redemption: Redemption) -> None:
    match redemption.state:
        case State.FULFILLED:
            return
        case State.ISSUED:
            raise NotFulfilled(redemption=redemption.name, state=redemption.state)
        case State.FAILED | State.CANCELLED | State.REFUNDED | State.REFUND_REFUSED:
            raise AlreadyCancelled(redemption=redemption.name, state=redemption.state)
        case _:
            raise NotCancellableYet(redemption=redemption.name, state=redemption.state)


def refunded(redemption: Redemption, transaction: str) -> Redemption:
    """The redemption once the ledger has given back what was due, by `transaction`."""
    total = redemption.refunded + redemption.refund_due
    state = State.REFUNDED if total == redemption.price else State.FULFILLED
    return replace(redemption, state=state, refunding=0, refunded=total, refund_transaction=transaction)
