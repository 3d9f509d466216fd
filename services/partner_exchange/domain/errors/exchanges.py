"""What becomes of exchanges that are refused, and of resolutions of those that nobody answers for."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.errors import DomainError, Status


class InsufficientPoints(DomainError):
    """The source account had fewer points than the exchange debits. The exchange is ABORTED; make a new quote."""

    reason = "INSUFFICIENT_POINTS"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required} points, {available} are available; {missing} are missing."
    frozen = True


class PointsLocked(DomainError):
    """Too many of the points are locked: the purchases that gave them can still come back. The exchange
    is ABORTED; make a new quote.
    """

    reason = "POINTS_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required} points, and of {available} available {locked} are locked; {missing} are missing."
    frozen = True


class ExchangeAborted(DomainError):
    """The ledger refused for another reason, such as an account that does not exist. The exchange is ABORTED."""

    reason = "EXCHANGE_ABORTED"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} was aborted: the ledger refused it ({ledger_reason})."
    frozen = True


class ExchangeInProgress(DomainError):
    """The ledger has not answered yet. The exchange goes on by itself; the same request again tells how it ended."""

    reason = "EXCHANGE_IN_PROGRESS"
    status = Status.UNAVAILABLE
    message = "{exchange} is under way; send the same request again to learn how it ends."
    retry_after = timedelta(seconds=1)


class NotBeforeOperator(DomainError):
    """The exchange is at its end, or goes on without people: its partner has answered, or may still."""

    reason = "NOT_BEFORE_OPERATOR"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} does not need the operator."


class ResolutionOutdated(DomainError):
    """The exchange has gone on since it was proposed, or another proposal replaced it."""

    reason = "RESOLUTION_OUTDATED"
    status = Status.FAILED_PRECONDITION
    message = "{resolution} does not count any more: read the exchange, and propose anew where that is needed."
    frozen = True


class ResolutionProposedByYou(DomainError):
    """A second person has to approve what a partner is said to have done."""

    reason = "RESOLUTION_PROPOSED_BY_YOU"
    status = Status.FAILED_PRECONDITION
    message = "{resolution} was proposed by the same person; another one has to approve it."
