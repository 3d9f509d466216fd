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


class RecognitionFull(DomainError):
    """It has as many gifts, each from one person to one other, as one recognition can have."""

    reason = "RECOGNITION_FULL"
    status = Status.RESOURCE_EXHAUSTED
    message = "A recognition has at most {limit} gifts, and this one has {used}."

    def __init__(self, limit: int, used: int) -> None:
        super().__init__(limit=limit, used=used)


class PointsSpent(DomainError):
    """A receiver has spent what is to be taken back, and the request does not want that."""

    reason = "POINTS_SPENT"
    status = Status.FAILED_PRECONDITION
    message = "Of {required} points that {person} is to give back, {available} are there."

    def __init__(self, person: str, required: int, available: int) -> None:
        super().__init__(person=person, required=required, available=available)


class EditWindowOver(DomainError):
    """Later than that a recognition can only be shown to fewer people, or deleted."""

    reason = "EDIT_WINDOW_OVER"
    status = Status.FAILED_PRECONDITION
    message = "It could be edited until {end_time}; now it can only be shown to fewer people, or deleted."

    def __init__(self, end_time: str) -> None:
        super().__init__(end_time=end_time)


class EditsUsedUp(DomainError):
    """It has been edited as often as one recognition can be."""

    reason = "EDITS_USED_UP"
    status = Status.RESOURCE_EXHAUSTED
    message = "A recognition can be edited {limit} times."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class CommentsFull(DomainError):
    """It has as many comments as one recognition can have."""

    reason = "COMMENTS_FULL"
    status = Status.RESOURCE_EXHAUSTED
    message = "A recognition has at most {limit} comments."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class ReactionsFull(DomainError):
    """There are as many different reactions as one person, or one recognition, can have."""

    reason = "REACTIONS_FULL"
    status = Status.RESOURCE_EXHAUSTED
    message = "There are at most {limit} different reactions here."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)
