"""What incentives refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class IncentiveNotOpen(DomainError):
    """The incentive cannot be claimed yet, or any more."""

    reason = "INCENTIVE_NOT_OPEN"
    status = Status.FAILED_PRECONDITION
    message = "{incentive} cannot be claimed now."

    def __init__(self, incentive: str) -> None:
        super().__init__(incentive=incentive)


class IncentiveExhausted(DomainError):
    """All that can be claimed of the incentive in this month is claimed. A rejected claim frees its place."""

    reason = "INCENTIVE_EXHAUSTED"
    status = Status.RESOURCE_EXHAUSTED
    message = "{limit} claims can be made in a month, and {used} are; the next month begins at {reset_time}."

    def __init__(self, limit: int, used: int, reset_time: str) -> None:
        super().__init__(limit=limit, used=used, reset_time=reset_time)


class ClaimsOfPersonExhausted(DomainError):
    """The person has claimed as often in this month as one person can."""

    reason = "INCENTIVE_EXHAUSTED_FOR_PERSON"
    status = Status.RESOURCE_EXHAUSTED
    message = "One person can make {limit} claims in a month, and made {used}; the next begins at {reset_time}."

    def __init__(self, limit: int, used: int, reset_time: str) -> None:
        super().__init__(limit=limit, used=used, reset_time=reset_time)


class ReferenceClaimed(DomainError):
    """The external reference is that of another claim of this incentive: each counts once."""

    reason = "REFERENCE_CLAIMED"
    status = Status.ALREADY_EXISTS
    message = "{external_reference} is claimed already."

    def __init__(self, external_reference: str) -> None:
        super().__init__(external_reference=external_reference)


class ClaimDecided(DomainError):
    """The claim is decided."""

    reason = "CLAIM_DECIDED"
    status = Status.FAILED_PRECONDITION
    message = "{claim} is {state}."

    def __init__(self, claim: str, state: str) -> None:
        super().__init__(claim=claim, state=state)
