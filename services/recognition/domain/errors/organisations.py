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


class UserNameTaken(DomainError):
    """Another person of the organisation signs in with this."""

    reason = "USER_NAME_TAKEN"
    status = Status.ALREADY_EXISTS
    message = "The user name of {person} is another person's, or is given twice."

    def __init__(self, person: str) -> None:
        super().__init__(person=person)


class PersonActive(DomainError):
    """The person takes part already."""

    reason = "PERSON_ACTIVE"
    status = Status.FAILED_PRECONDITION
    message = "{person} is active."

    def __init__(self, person: str) -> None:
        super().__init__(person=person)


class ManagerCycle(DomainError):
    """Somebody would report to themselves, directly or through others."""

    reason = "MANAGER_CYCLE"
    status = Status.FAILED_PRECONDITION
    message = "{person} would report to themselves."

    def __init__(self, person: str) -> None:
        super().__init__(person=person)


class GivingNotAllowed(DomainError):
    """The person's role does not give."""

    reason = "GIVING_NOT_ALLOWED"
    status = Status.FAILED_PRECONDITION
    message = "{person} does not give: their role is {role}."

    def __init__(self, person: str, role: str) -> None:
        super().__init__(person=person, role=role)


class ReceivingNotAllowed(DomainError):
    """The person's role does not receive."""

    reason = "RECEIVING_NOT_ALLOWED"
    status = Status.FAILED_PRECONDITION
    message = "{person} does not receive: their role is {role}."

    def __init__(self, person: str, role: str) -> None:
        super().__init__(person=person, role=role)


class RoleRequired(DomainError):
    """Only people with some roles may do this, or callers with the scope `recognition.act_for`."""

    reason = "ROLE_REQUIRED"
    status = Status.PERMISSION_DENIED
    message = "Only who is {roles} may do this."

    def __init__(self, roles: str) -> None:
        super().__init__(roles=roles)


class TeamNameTaken(DomainError):
    """Another team of the organisation is called that."""

    reason = "TEAM_NAME_TAKEN"
    status = Status.ALREADY_EXISTS
    message = "The name of {team} is another team's."

    def __init__(self, team: str) -> None:
        super().__init__(team=team)
