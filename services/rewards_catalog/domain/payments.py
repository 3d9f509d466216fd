"""Money that is paid for a redemption besides its points: taken by others, who say so here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from guerdon_kit.errors import FieldViolation, InvalidField
from rewards_catalog.domain.errors import NotAwaitingPayment, NotCancellableYet, PaymentTooLate
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.redemption import Redemption, State

MAX_PAYMENT = 100


def check_payment(payment: str) -> None:
    """Raises InvalidField unless a payment may be called so."""
    if not (1 <= len(payment) <= MAX_PAYMENT and payment.isprintable()):
        raise InvalidField([FieldViolation("payment", f"must have 1 to {MAX_PAYMENT} printable characters")])


def paid(redemption: Redemption, payment: str, cash: Cash, now: datetime) -> Redemption:
    """The redemption once somebody has `cash` for it, and calls that `payment`.

    Raises:
        NotCancellableYet: its points and its piece are not set aside yet.
        NotAwaitingPayment: it costs no money, was paid before, has ended, or is being undone.
        InvalidField: it is another amount.
        PaymentTooLate: its time is over.
    """
    if redemption.state in {State.PENDING, State.POINTS_HELD}:
        raise NotCancellableYet(redemption=redemption.name, state=redemption.state)
    due, end_time = redemption.cash, redemption.payment_end_time
    if redemption.state is not State.AWAITING_PAYMENT or redemption.failure or due is None or end_time is None:
        raise NotAwaitingPayment(redemption=redemption.name, state=redemption.state, payment=redemption.payment)
    if cash != due:
        raise InvalidField.of("cash", f"must be {due.minor_units} minor units of {due.currency}")
    if now >= end_time:
        raise PaymentTooLate(redemption=redemption.name, end_time=end_time.isoformat())
    return replace(redemption, state=State.PAID, payment=payment)
