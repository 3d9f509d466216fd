"""What award budgets refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class FundingRefused(DomainError):
    """The ledger refused to fund the budget, mostly because the organisation's budget has a limit that this exceeds."""

    reason = "FUNDING_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refused to fund the budget: {ledger_reason}."

    def __init__(self, ledger_reason: str) -> None:
        super().__init__(ledger_reason=ledger_reason)
