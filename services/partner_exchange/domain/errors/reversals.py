"""What is refused of reversals and disputes."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.errors import DomainError, Status


class ExchangeNotCommitted(DomainError):
    """The exchange has not been committed: there is nothing to take back or to dispute."""

    reason = "EXCHANGE_NOT_COMMITTED"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} is {state}."


class ReversalTooLate(DomainError):
    """The time is over within which the exchange could be taken back without a dispute."""

    reason = "REVERSAL_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} could be taken back until {end_time}."


class OverReversal(DomainError):
    """More is asked back than is left of the exchange."""

    reason = "OVER_REVERSAL"
    status = Status.FAILED_PRECONDITION
    message = "{requested} points of {exchange} are asked back, {remaining} are left."


class ReversalAborted(DomainError):
    """The ledger or a remote partner refused, such as where the receiving member spent the points. Nothing moved."""

    reason = "REVERSAL_ABORTED"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} was not taken back: the ledger refused it ({ledger_reason})."
    frozen = True


class ReversalInProgress(DomainError):
    """A reversal of the exchange is under way. It goes on by itself; the same request again tells how it ended."""

    reason = "REVERSAL_IN_PROGRESS"
    status = Status.UNAVAILABLE
    message = "A reversal of {exchange} is under way; send the same request again to learn how it ends."
    retry_after = timedelta(seconds=1)


class DisputeTooLate(DomainError):
    """The time is over within which the exchange could be disputed."""

    reason = "DISPUTE_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} could be disputed until {end_time}."


class DisputeOpen(DomainError):
    """The exchange has a dispute that is not decided: there is one at a time."""

    reason = "DISPUTE_OPEN"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} is disputed already."


class DisputeStateConflict(DomainError):
    """The dispute is in a state that does not allow it. Read the dispute."""

    reason = "DISPUTE_STATE_CONFLICT"
    status = Status.FAILED_PRECONDITION
    message = "{dispute} is {state}."


class AnswerTooLate(DomainError):
    """The time for an answer is over: the operator decides without."""

    reason = "ANSWER_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{dispute} could be answered until {answer_deadline}."


class AnswerPending(DomainError):
    """The other partner has not answered, and still can: both are heard before the operator decides."""

    reason = "ANSWER_PENDING"
    status = Status.FAILED_PRECONDITION
    message = "{dispute} can be answered until {answer_deadline}."
