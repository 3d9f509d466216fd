"""What is refused of vouchers."""

from __future__ import annotations

from datetime import datetime, timedelta

from guerdon_kit.errors import DomainError, Status


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
