"""What is refused of windows and their settlement."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class WindowStateConflict(DomainError):
    """The settlement window is in a state that does not allow it. Read the window."""

    reason = "WINDOW_STATE_CONFLICT"
    status = Status.FAILED_PRECONDITION
    message = "{window} is {state}."


class SettlementUnderWay(DomainError):
    """Another window of the coalition is being settled: one after another, as the hub's account is zero in between."""

    reason = "SETTLEMENT_UNDER_WAY"
    status = Status.FAILED_PRECONDITION
    message = "{window} is being settled; settle or abort it first."


class SettlementCommitted(DomainError):
    """A participant has committed: the settlement only goes forward."""

    reason = "SETTLEMENT_COMMITTED"
    status = Status.FAILED_PRECONDITION
    message = "The settlement of {window} is committed: it cannot be aborted any more."
    frozen = True


class SettlementMismatch(DomainError):
    """Something does not add up. Nothing goes on by itself: find out what was changed, then settle again or abort."""

    reason = "SETTLEMENT_MISMATCH"
    status = Status.FAILED_PRECONDITION
    message = "{window} is not settled: {mismatch}."


class SettlementRefused(DomainError):
    """The ledger refuses a step, such as for a frozen account. It is asked again by itself."""

    reason = "SETTLEMENT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refuses {partner}'s part in {window} ({ledger_reason})."


class InsufficientFunds(DomainError):
    """The partner's settlement account has less than is to be withdrawn."""

    reason = "INSUFFICIENT_FUNDS"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required}, {available} are available; {missing} are missing."
    frozen = True
