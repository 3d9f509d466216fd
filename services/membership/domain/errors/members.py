"""What is refused of members: their contacts, their ends, their merges."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class ContactTaken(DomainError):
    """A card, telephone number, email address or external id belongs to another member, who is not named. It may pass
    later: not kept with the request.
    """

    reason = "CONTACT_TAKEN"
    status = Status.ALREADY_EXISTS
    message = "Another member of the program has these: {fields}."

    def __init__(self, fields: str) -> None:
        super().__init__(fields=fields)


class ContactUnknown(DomainError):
    """No member has the contact that was asked for, which is not repeated."""

    reason = "CONTACT_UNKNOWN"
    status = Status.NOT_FOUND
    message = "No member of {program} has this {field}, or the program is not yours to see."

    def __init__(self, program: str, field: str) -> None:
        super().__init__(program=program, field=field)


class MemberPending(DomainError):
    """The member's account is not open yet, so that it cannot be closed."""

    reason = "MEMBER_PENDING"
    status = Status.FAILED_PRECONDITION
    message = "The enrolment of {member} is still on its way to the ledger."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class MemberNotEmpty(DomainError):
    """The member's account, or a wallet of the member's, has or owes something. Decided by the ledger and kept with the
    request.
    """

    reason = "MEMBER_NOT_EMPTY"
    status = Status.FAILED_PRECONDITION
    message = "{member} has {posted} of {unit}, {held} of them held and {pending} pending, and a debt of {debt}."

    def __init__(self, member: str, posted: int, held: int, pending: int, debt: int, unit: str) -> None:
        super().__init__(member=member, posted=posted, held=held, pending=pending, debt=debt, unit=unit)


class MemberClosed(DomainError):
    """The membership is closed: nothing is recorded for it any more."""

    reason = "MEMBER_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "{member} is closed."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class MemberMerged(DomainError):
    """The member was merged into another, who is to be named instead."""

    reason = "MEMBER_MERGED"
    status = Status.FAILED_PRECONDITION
    message = "{member} was merged into another member."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class MemberChanging(DomainError):
    """The member is being closed, or another's points are still on their way to it. It passes."""

    reason = "MEMBER_CHANGING"
    status = Status.FAILED_PRECONDITION
    message = "{member} is being closed or merged: try again once that is done."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class MemberErased(DomainError):
    """The member's personal data are erased: nothing is recorded for the id any more."""

    reason = "MEMBER_ERASED"
    status = Status.FAILED_PRECONDITION
    message = "{member} is erased."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class AwardsHeld(DomainError):
    """Awards of a member who is to be merged are held, or wait for an event: that is decided first."""

    reason = "AWARDS_HELD"
    status = Status.FAILED_PRECONDITION
    message = (
        "{awards} awards of {member} are held or wait for an event: release or reject them, or tell the event, first."
    )

    def __init__(self, member: str, awards: int) -> None:
        super().__init__(member=member, awards=awards)


class TooManyCards(DomainError):
    """Two members to be merged have more cards together than one member may have."""

    reason = "TOO_MANY_CARDS"
    status = Status.FAILED_PRECONDITION
    message = "Both members together have {cards} cards; one may have {cards_max}."

    def __init__(self, cards: int, cards_max: int) -> None:
        super().__init__(cards=cards, cards_max=cards_max)
