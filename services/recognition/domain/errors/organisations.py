"""What organisations and their people refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


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
