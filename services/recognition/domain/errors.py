"""What the recognition service refuses, and why."""

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


class PersonDeactivated(DomainError):
    """The person does not take part any more."""

    reason = "PERSON_DEACTIVATED"
    status = Status.FAILED_PRECONDITION
    message = "{person} is deactivated."

    def __init__(self, person: str) -> None:
        super().__init__(person=person)


class IdentityTaken(DomainError):
    """Another person of the organisation has this identity: a token must name one person."""

    reason = "IDENTITY_TAKEN"
    status = Status.ALREADY_EXISTS
    message = "The identity of {person} is another person's, or is given twice."

    def __init__(self, person: str) -> None:
        super().__init__(person=person)


class PeriodNotCurrent(DomainError):
    """Only the current month can be granted: an earlier one's allowance would expire at once."""

    reason = "PERIOD_NOT_CURRENT"
    status = Status.FAILED_PRECONDITION
    message = "The current month is {current}, not {period}."

    def __init__(self, period: str, current: str) -> None:
        super().__init__(period=period, current=current)
