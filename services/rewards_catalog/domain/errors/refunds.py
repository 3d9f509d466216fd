"""What is refused of giving points back."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class NotFulfilled(DomainError):
    """Nothing was handed over yet: the redemption can be called off instead."""

    reason = "REDEMPTION_NOT_FULFILLED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is {state}: what was not handed over is not refunded, but called off."


class RefundNotAllowed(DomainError):
    """The version of the reward that was redeemed gives no points back after it was handed over."""

    reason = "REFUND_NOT_ALLOWED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is not refunded: its reward's terms do not allow it."
    frozen = True


class PartialRefundNotAllowed(DomainError):
    """The version of the reward that was redeemed gives back the whole price or nothing."""

    reason = "PARTIAL_REFUND_NOT_ALLOWED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is refunded as a whole: {price} points, and not {requested}."
    frozen = True


class RefundTooLate(DomainError):
    """The days are over in which points go back."""

    reason = "REFUND_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} could be refunded until {end_time}."
    frozen = True


class OverRefund(DomainError):
    """More points than are left of the price."""

    reason = "OVER_REFUND"
    status = Status.FAILED_PRECONDITION
    message = "{redemption}: {requested} points cannot be refunded, {remaining} remain."
    frozen = True
