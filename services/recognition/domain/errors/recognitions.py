"""What giving refuses."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class InsufficientAllowance(DomainError):
    """The giver's allowance does not reach for all receivers. Kept with the recognition and answered again."""

    reason = "INSUFFICIENT_ALLOWANCE"
    status = Status.FAILED_PRECONDITION
    message = "This takes {required} points of allowance, and {available} are left: {missing} are missing."
    frozen = True

    def __init__(self, required: int, available: int) -> None:
        super().__init__(required=required, available=available, missing=required - available)


class GivingRefused(DomainError):
    """The ledger refused to move the points for another reason, which it names. Kept like the above."""

    reason = "GIVING_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refused to move the points: {ledger_reason}."
    frozen = True

    def __init__(self, ledger_reason: str) -> None:
        super().__init__(ledger_reason=ledger_reason)


class SelfGiving(DomainError):
    """Somebody would receive from themselves."""

    reason = "SELF_GIVING"
    status = Status.FAILED_PRECONDITION
    message = "Nobody can give to themselves: {person} is giver and receiver."

    def __init__(self, person: str) -> None:
        super().__init__(person=person)
