"""What budgets refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class BudgetShort(DomainError):
    """The organisation's budget, with its credit limit, does not reach. Kept with the request and answered again: once
    more has come in it is asked for as a new one.
    """

    reason = "BUDGET_SHORT"
    status = Status.FAILED_PRECONDITION
    message = "This takes {required} points of the budget, and {available} are left: {missing} are missing."
    frozen = True

    def __init__(self, required: int, available: int) -> None:
        super().__init__(required=required, available=available, missing=required - available)


class ManagerBudgetShort(DomainError):
    """The manager's budget does not reach for all receivers. Kept like the above."""

    reason = "MANAGER_BUDGET_SHORT"
    status = Status.FAILED_PRECONDITION
    message = "This takes {required} points of the manager's budget, and {available} are left: {missing} are missing."
    frozen = True

    def __init__(self, required: int, available: int) -> None:
        super().__init__(required=required, available=available, missing=required - available)


class DisbursementRefused(DomainError):
    """The ledger refused to move the points for another reason, which it names. Kept like the above."""

    reason = "DISBURSEMENT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refused to move the points: {ledger_reason}."
    frozen = True

    def __init__(self, ledger_reason: str) -> None:
        super().__init__(ledger_reason=ledger_reason)


class AlreadyFunded(DomainError):
    """The budget was funded on this invoice before: a purchase of points counts once, whoever enters it."""

    reason = "ALREADY_FUNDED"
    status = Status.ALREADY_EXISTS
    message = "The budget was funded on the invoice {invoice} before."

    def __init__(self, invoice: str) -> None:
        super().__init__(invoice=invoice)


class NoManagerBudget(DomainError):
    """The person has no budget to give out."""

    reason = "NO_MANAGER_BUDGET"
    status = Status.FAILED_PRECONDITION
    message = "{person} has no manager budget."

    def __init__(self, person: str) -> None:
        super().__init__(person=person)


class NotBilled(DomainError):
    """The organisation has no terms by which it is billed on redemption."""

    reason = "NOT_BILLED"
    status = Status.FAILED_PRECONDITION
    message = "{organisation} is not billed on redemption."

    def __init__(self, organisation: str) -> None:
        super().__init__(organisation=organisation)


class StatementNotFinal(DomainError):
    """The month is not over, or has been so for some minutes only."""

    reason = "STATEMENT_NOT_FINAL"
    status = Status.FAILED_PRECONDITION
    message = "The statement of {month} is not final yet."

    def __init__(self, month: str) -> None:
        super().__init__(month=month)
