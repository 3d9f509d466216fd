"""What allowances refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class PeriodNotCurrent(DomainError):
    """Only the current month can be granted: an earlier one's allowance would expire at once."""

    reason = "PERIOD_NOT_CURRENT"
    status = Status.FAILED_PRECONDITION
    message = "The current month is {current}, not {period}."

    def __init__(self, period: str, current: str) -> None:
        super().__init__(period=period, current=current)
