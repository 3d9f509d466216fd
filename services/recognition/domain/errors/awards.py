"""What awards and their approval refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class OwnAward(DomainError):
    """Nobody decides about what they nominated, claimed, or would get: also not as somebody's delegate."""

    reason = "OWN_AWARD"
    status = Status.PERMISSION_DENIED
    message = "Nobody decides about what they asked for or would get."


class AlreadyDecided(DomainError):
    """The person had a part in an earlier decision about this: each level is another person's."""

    reason = "ALREADY_DECIDED"
    status = Status.PERMISSION_DENIED
    message = "Whoever decided at one level does not decide at another."


class NotApprover(DomainError):
    """It is another's turn to decide."""

    reason = "NOT_APPROVER"
    status = Status.PERMISSION_DENIED
    message = "It is another's turn to decide."


class NoApprover(DomainError):
    """There is nobody who could decide: all whom the chain names are deactivated, or part of the matter."""

    reason = "NO_APPROVER"
    status = Status.FAILED_PRECONDITION
    message = "Of those who would have to approve nobody can."


class NotInApproval(DomainError):
    """The award is decided, or was withdrawn."""

    reason = "AWARD_NOT_IN_APPROVAL"
    status = Status.FAILED_PRECONDITION
    message = "{award} is {state}."

    def __init__(self, award: str, state: str) -> None:
        super().__init__(award=award, state=state)


class ApprovalOverdue(DomainError):
    """The level's time is over: what its policy says is about to happen."""

    reason = "APPROVAL_OVERDUE"
    status = Status.FAILED_PRECONDITION
    message = "{award} had to be decided by {deadline}."

    def __init__(self, award: str, deadline: str) -> None:
        super().__init__(award=award, deadline=deadline)


class NominationNotAllowed(DomainError):
    """The award program takes nominations from others, or for others."""

    reason = "NOMINATION_NOT_ALLOWED"
    status = Status.PERMISSION_DENIED
    message = "{award_program} takes no nomination of {nominee} from {nominator}."

    def __init__(self, award_program: str, nominator: str, nominee: str) -> None:
        super().__init__(award_program=award_program, nominator=nominator, nominee=nominee)


class AwardProgramClosed(DomainError):
    """The award program takes no nominations any more."""

    reason = "AWARD_PROGRAM_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "{award_program} is closed."

    def __init__(self, award_program: str) -> None:
        super().__init__(award_program=award_program)
