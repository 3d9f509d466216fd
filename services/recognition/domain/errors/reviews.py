"""What reviews refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class RecognitionRejected(DomainError):
    """What was held for review was rejected, and its points went back. Whoever made it is answered so again."""

    reason = "RECOGNITION_REJECTED"
    status = Status.FAILED_PRECONDITION
    message = "It was held for review, and was rejected."
    frozen = True


class AlreadyReviewed(DomainError):
    """Somebody has decided before."""

    reason = "ALREADY_REVIEWED"
    status = Status.FAILED_PRECONDITION
    message = "{review} was decided before."

    def __init__(self, review: str) -> None:
        super().__init__(review=review)


class ReviewOverdue(DomainError):
    """The deadline has passed: it is about to be rejected."""

    reason = "REVIEW_OVERDUE"
    status = Status.FAILED_PRECONDITION
    message = "{review} had to be decided by {deadline}."

    def __init__(self, review: str, deadline: str) -> None:
        super().__init__(review=review, deadline=deadline)


class ReviewerConcerned(DomainError):
    """Nobody decides about what they gave or would receive."""

    reason = "REVIEWER_CONCERNED"
    status = Status.PERMISSION_DENIED
    message = "{person} gives or receives in {review}: somebody else has to decide."

    def __init__(self, person: str, review: str) -> None:
        super().__init__(person=person, review=review)


class ReviewOutdated(DomainError):
    """The recognition that would be added onto is gone, or is no longer for all of these receivers."""

    reason = "REVIEW_OUTDATED"
    status = Status.FAILED_PRECONDITION
    message = "{recognition} is gone, or its receivers are others by now: {review} can only be rejected."

    def __init__(self, recognition: str, review: str) -> None:
        super().__init__(recognition=recognition, review=review)
