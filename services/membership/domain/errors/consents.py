"""What PINs, codes and tokens of members refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class PinNotSet(DomainError):
    """The member has no PIN to consent with."""

    reason = "PIN_NOT_SET"
    status = Status.FAILED_PRECONDITION
    message = "{member} has no PIN."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class ConsentRefused(DomainError):
    """The PIN or the code is not the member's."""

    reason = "CONSENT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "{member} does not consent by that: {left} more may be tried."

    def __init__(self, member: str, left: int) -> None:
        super().__init__(member=member, left=left)


class PinLocked(DomainError):
    """Too many wrong PINs were tried in a row."""

    reason = "PIN_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "The PIN of {member} was tried too often: another has to be set."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class ConsentExpired(DomainError):
    """There is no code or token by which the member could consent: used, tried too often, or its time is over."""

    reason = "CONSENT_EXPIRED"
    status = Status.FAILED_PRECONDITION
    message = "{member} has no such code or token that can be used: another has to be made."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class ConsentCodeLimit(DomainError):
    """The member was sent as many codes as it may be within an hour."""

    reason = "CONSENT_CODE_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "{member} was sent {limit} codes: the next may be made at {reset_time}."

    def __init__(self, member: str, limit: int, reset_time: str) -> None:
        super().__init__(member=member, limit=limit, reset_time=reset_time)
