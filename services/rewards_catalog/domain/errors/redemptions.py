"""What is refused of redemptions, and why one can fail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from guerdon_kit.errors import DomainError, Status


class OutOfStock(DomainError):
    """No piece or code is left. The points are the account's again."""

    reason = "OUT_OF_STOCK"
    status = Status.FAILED_PRECONDITION
    message = "{reward} is out of stock."
    frozen = True


class InsufficientPoints(DomainError):
    """The account has fewer points than the reward costs."""

    reason = "INSUFFICIENT_POINTS"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required} points, {available} are available; {missing} are missing."
    frozen = True


class PointsLocked(DomainError):
    """The reward is as good as cash, and too many of the points are for goods only, as the purchases that gave them can
    still come back.
    """

    reason = "POINTS_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required} points, and of {available} available {locked} are locked; {missing} are missing."
    frozen = True


class AccountLimit(DomainError):
    """The account has as many redemptions of the reward as one may have. A cancelled one counts no more."""

    reason = "ACCOUNT_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "{reward} can be redeemed {limit} times by one account, and was {used} times by this one."


class AccountPeriodLimit(DomainError):
    """The account has as many redemptions of the reward as one may have in a day, a week or a month."""

    reason = "ACCOUNT_PERIOD_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = (
        "{reward} can be redeemed {limit} times by one account in each {period}, and was {used} times by this one; "
        "the next begins at {reset_time}."
    )


class RewardLimit(DomainError):
    """All accounts together have as many redemptions of the reward as they may. A cancelled one counts no more."""

    reason = "REWARD_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "{reward} can be redeemed {limit} times in all, and was {used} times."


class HoldLapsed(DomainError):
    """The points were not spent within the hold's time limit, so they are the account's again."""

    reason = "HOLD_LAPSED"
    status = Status.FAILED_PRECONDITION
    message = "The redemption took too long and was undone; make a new one."
    frozen = True


class PaymentRefused(DomainError):
    """The ledger refused to move the points, for a reason of its own. It may not when the request is sent again."""

    reason = "PAYMENT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refused the payment: {ledger_reason}."


class CreditRefused(DomainError):
    """The ledger refused to pay the value into the wallet: the wallet is closed, or is no wallet, or the budget cannot
    pay it. The points, which were spent, are the account's again. It may not when the request is sent again.
    """

    reason = "CREDIT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "{wallet} was not paid: {ledger_reason}."


class WalletSpent(DomainError):
    """The wallet has less than was paid into it, or is frozen or closed: nothing goes back. It may have it later."""

    reason = "WALLET_SPENT"
    status = Status.FAILED_PRECONDITION
    message = "This takes {required} out of {wallet}, and {available} are available."


class TransferRefused(DomainError):
    """The coalition refused to exchange the points, for the reason and with the numbers that it gives: the points are
    the account's. It may not when the request is sent again.
    """

    reason = "TRANSFER_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The points were not exchanged: {exchange_reason}."


class TransferBelowMinimum(DomainError):
    """Fewer points would arrive than the member was shown, as the rate has changed: the points are the account's."""

    reason = "TRANSFER_BELOW_MINIMUM"
    status = Status.FAILED_PRECONDITION
    message = "{received} points would arrive, fewer than the {required} that were asked for."


class TransferDone(DomainError):
    """The points are the partner's: the coalition reverses exchanges, and the catalog neither cancels nor refunds."""

    reason = "TRANSFER_DONE"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} was exchanged by {exchange}, which the coalition can reverse."
    frozen = True


class PaymentTooLate(DomainError):
    """Nobody confirmed the payment in time: the points are the account's again. What was set aside is to be let go."""

    reason = "PAYMENT_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} could be paid until {end_time}."
    frozen = True


class CalledOff(DomainError):
    """The redemption was called off before it was paid: the points are the account's again."""

    reason = "CALLED_OFF"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} was called off before it was paid."
    frozen = True


class NotAwaitingPayment(DomainError):
    """No money is waited for: none is due, it was confirmed before (by `payment`), or the redemption has ended."""

    reason = "NOT_AWAITING_PAYMENT"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is {state}, and waits for no payment."
    frozen = True


class RedemptionUnfinished(DomainError):
    """The end was not reached in time, and its outcome is not known yet. The service goes on by itself."""

    reason = "REDEMPTION_UNFINISHED"
    status = Status.UNAVAILABLE
    message = "{redemption} is {state} and goes on; send the same request again, or read it."
    retry_after = timedelta(seconds=1)


class NotCancellableYet(DomainError):
    """The redemption is still under way. Once it is issued it can be cancelled; once it is fulfilled, refunded."""

    reason = "REDEMPTION_IN_PROGRESS"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is still {state}; try again when it rests."
    retry_after = timedelta(seconds=1)


class NotIssued(DomainError):
    """The redemption is not, or no longer, waiting to be handed over."""

    reason = "REDEMPTION_NOT_ISSUED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is {state}, not waiting to be handed over."
    frozen = True


class AlreadyFulfilled(DomainError):
    """What was handed over cannot be called off, nor a code that was issued, unless its voucher's terms allow it."""

    reason = "ALREADY_FULFILLED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} was fulfilled, and cannot be cancelled."
    frozen = True


class AlreadyCancelled(DomainError):
    """The redemption was called off by another request, or failed."""

    reason = "ALREADY_CANCELLED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} has ended already: it is {state}."
    frozen = True


class FulfilmentRefused(DomainError):
    """The provider will not issue the reward. The points, which were spent, are on their way back to the account."""

    reason = "FULFILMENT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is not issued: its provider says {provider_reason}."
    frozen = True


class FulfilmentNotAsked(DomainError):
    """No provider was asked to issue the redemption: none issues it, or it has not come so far, or it failed before."""

    reason = "FULFILMENT_NOT_ASKED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is {state}, and no provider was asked to issue it."


class FulfilmentDecided(DomainError):
    """Something else was said before about what became of the redemption, or its code is another one."""

    reason = "FULFILMENT_DECIDED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} is {state}: what became of it was said before, and otherwise."
    frozen = True


class WebhookNotBelieved(DomainError):
    """No signature of the webhook is by its provider, or its time is more than five minutes off."""

    reason = "WEBHOOK_NOT_BELIEVED"
    status = Status.INVALID_ARGUMENT
    message = "The webhook's signature does not fit, or its time is too far from now."


class CodeTaken(DomainError):
    """The program has the code that a provider gave already: it was issued before, or stands in a pool."""

    reason = "CODE_TAKEN"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} cannot have this code: the program has it already."


FAILURES: Mapping[str, type[DomainError]] = {
    failure.reason: failure
    for failure in (
        OutOfStock,
        InsufficientPoints,
        PointsLocked,
        AccountLimit,
        AccountPeriodLimit,
        RewardLimit,
        HoldLapsed,
        PaymentRefused,
        CreditRefused,
        TransferRefused,
        TransferBelowMinimum,
        PaymentTooLate,
        CalledOff,
        FulfilmentRefused,
    )
}
"""Why a redemption can end FAILED, REFUNDED or REFUND_REFUSED, by the reason its row keeps."""
