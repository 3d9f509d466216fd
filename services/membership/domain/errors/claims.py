"""What claims of purchases refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class ClaimsNotTaken(DomainError):
    """A purchase came without a member, and nobody could claim it."""

    reason = "CLAIMS_NOT_TAKEN"
    status = Status.FAILED_PRECONDITION
    message = "{program} has no claims of purchases: each names its member."

    def __init__(self, program: str) -> None:
        super().__init__(program=program)


class PurchaseClaimed(DomainError):
    """The purchase is another member's, who is not named."""

    reason = "PURCHASE_CLAIMED"
    status = Status.FAILED_PRECONDITION
    message = "{purchase} is another member's."

    def __init__(self, purchase: str) -> None:
        super().__init__(purchase=purchase)


class ClaimNotProven(DomainError):
    """The total or the day is not that of the purchase. Kept with the request, which counts once."""

    reason = "CLAIM_NOT_PROVEN"
    status = Status.FAILED_PRECONDITION
    message = "The amount or the day is not that of {purchase}: {left} more may be tried."

    def __init__(self, purchase: str, left: int) -> None:
        super().__init__(purchase=purchase, left=left)


class ClaimLocked(DomainError):
    """The purchase was claimed with a wrong total or day too often."""

    reason = "CLAIM_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "{purchase} was claimed wrongly too often: nobody can claim it any more."

    def __init__(self, purchase: str) -> None:
        super().__init__(purchase=purchase)


class ClaimTooLate(DomainError):
    """The program's window for claims of the purchase is over."""

    reason = "CLAIM_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{purchase} could be claimed until {end_time}."

    def __init__(self, purchase: str, end_time: str) -> None:
        super().__init__(purchase=purchase, end_time=end_time)
