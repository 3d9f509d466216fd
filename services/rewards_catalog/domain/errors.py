"""What the rewards catalog refuses, and with which numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from guerdon_kit.errors import DomainError, Status


class RewardNotActive(DomainError):
    """Only an active reward can be redeemed. It may be active when the same request is sent again."""

    reason = "REWARD_NOT_ACTIVE"
    status = Status.FAILED_PRECONDITION
    message = "{reward} cannot be redeemed: it is {state}."


class RewardNotStarted(DomainError):
    """The reward cannot be redeemed yet."""

    reason = "REWARD_NOT_STARTED"
    status = Status.FAILED_PRECONDITION
    message = "{reward} can be redeemed from {start_time} on."


class RewardEnded(DomainError):
    """The reward can be redeemed no more, unless its end is moved."""

    reason = "REWARD_ENDED"
    status = Status.FAILED_PRECONDITION
    message = "{reward} could be redeemed until {end_time}."


class RewardChanged(DomainError):
    """The reward is no longer as the member was shown it: its price, say. Show it again, and ask again."""

    reason = "REWARD_CHANGED"
    status = Status.FAILED_PRECONDITION
    message = "{reward} was asked for in version {asked}; its version is {current}."


class RewardStateConflict(DomainError):
    """The reward's state does not allow the change, such as any to an archived one."""

    reason = "REWARD_STATE_CONFLICT"
    status = Status.FAILED_PRECONDITION
    message = "{reward} is {state}, which does not allow this."
    frozen = True


class WrongFulfilment(DomainError):
    """Pieces were added to a reward without a stock, or codes to one without a pool."""

    reason = "WRONG_FULFILMENT"
    status = Status.FAILED_PRECONDITION
    message = "{reward} is fulfilled by {fulfilment}; this needs {needed}."


class StockLimit(DomainError):
    """A stock holds at most 1,000,000,000 pieces. It may have room again when some were redeemed."""

    reason = "STOCK_LIMIT"
    status = Status.FAILED_PRECONDITION
    message = "A stock holds at most {maximum} pieces; this one has {available}."


class CodesTooShort(DomainError):
    """More codes of the length that is set would be too easy to guess. A greater length can be set."""

    reason = "CODES_TOO_SHORT"
    status = Status.FAILED_PRECONDITION
    message = "A pool of {codes} codes is too large for {length} random characters, which are enough for {most}."


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


class VoucherMistyped(DomainError):
    """The code begins as those that the service makes, and its check character is wrong. Nothing was looked up."""

    reason = "VOUCHER_MISTYPED"
    status = Status.INVALID_ARGUMENT
    message = "This code was mistyped: its check character does not fit."


class VoucherUnknown(DomainError):
    """No voucher of the program has the code. One that was not issued yet is unknown as well."""

    reason = "VOUCHER_UNKNOWN"
    status = Status.NOT_FOUND
    message = "{program} has no voucher with this code."


class RateLimited(DomainError):
    """The caller has looked for as many codes as it may in a minute."""

    reason = "RATE_LIMITED"
    status = Status.RESOURCE_EXHAUSTED
    message = "Only {limit} codes may be looked for in a minute; try again at {reset_time}."

    def __init__(self, limit: int, reset_time: datetime, now: datetime) -> None:
        super().__init__(limit=limit, reset_time=reset_time.isoformat())
        self.retry_after = max(reset_time - now, timedelta(seconds=1))


class AlreadyRedeemed(DomainError):
    """The voucher was used up before. A voucher with a balance was used up by the use that is named."""

    reason = "ALREADY_REDEEMED"
    status = Status.FAILED_PRECONDITION
    message = "{voucher} was redeemed at {redeem_time}, in the store {store} at the terminal {terminal}."
    frozen = True


class InsufficientBalance(DomainError):
    """The voucher has a smaller balance. All numbers are minor units of its currency."""

    reason = "INSUFFICIENT_BALANCE"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required}, {available} of {currency_code} are left on the voucher; {missing} are missing."
    frozen = True


class VoucherNotYetValid(DomainError):
    """The time in which the voucher can be used has not begun."""

    reason = "VOUCHER_NOT_YET_VALID"
    status = Status.FAILED_PRECONDITION
    message = "{voucher} can be used from {start_time} on."


class VoucherExpired(DomainError):
    """The time in which the voucher could be used is over."""

    reason = "VOUCHER_EXPIRED"
    status = Status.FAILED_PRECONDITION
    message = "{voucher} could be used until {end_time}."
    frozen = True


class VoucherIsVoid(DomainError):
    """The redemption that the voucher was issued for was called off."""

    reason = "VOUCHER_VOID"
    status = Status.FAILED_PRECONDITION
    message = "{voucher} is void: its redemption was called off."
    frozen = True


class VoucherRedeemed(DomainError):
    """The redemption's voucher was used, wholly or in part. It can be called off once all uses are undone."""

    reason = "VOUCHER_REDEEMED"
    status = Status.FAILED_PRECONDITION
    message = "{redemption} cannot be cancelled: its voucher was used."


class AlreadyUndone(DomainError):
    """The use was undone by another request."""

    reason = "ALREADY_UNDONE"
    status = Status.FAILED_PRECONDITION
    message = "{use} was undone at {undo_time}."
    frozen = True


class UndoTooLate(DomainError):
    """The time in which the use could be undone is over."""

    reason = "UNDO_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{use} could be undone until {undo_end_time}."
    frozen = True


FAILURES: Mapping[str, type[DomainError]] = {
    failure.reason: failure
    for failure in (
        OutOfStock,
        InsufficientPoints,
        AccountLimit,
        AccountPeriodLimit,
        RewardLimit,
        HoldLapsed,
        PaymentRefused,
    )
}
"""Why a redemption can end FAILED or REFUND_REFUSED, by the reason its row keeps."""
