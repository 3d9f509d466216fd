"""What allowances refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class PeriodNotCurrent(DomainError):
    """Only the current period can be granted: an earlier one's allowance would expire at once."""

    reason = "PERIOD_NOT_CURRENT"
    status = Status.FAILED_PRECONDITION
    message = "The current period is {current}, not {period}."

    def __init__(self, period: str, current: str) -> None:
        super().__init__(period=period, current=current)


class NoAllowancePlan(DomainError):
    """Nothing can be granted before it is said how much."""

    reason = "NO_ALLOWANCE_PLAN"
    status = Status.FAILED_PRECONDITION
    message = "{organisation} has no allowance plan."

    def __init__(self, organisation: str) -> None:
        super().__init__(organisation=organisation)
