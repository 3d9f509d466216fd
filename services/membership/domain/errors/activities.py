"""What activities and their types refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class ActivityDiffers(DomainError):
    """The activity id was recorded with other facts."""

    reason = "ACTIVITY_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{activity} is recorded with other facts; these differ: {fields}."

    def __init__(self, activity: str, fields: str) -> None:
        super().__init__(activity=activity, fields=fields)


class ActivityTypeArchived(DomainError):
    """Activities of this type are not recorded any more."""

    reason = "ACTIVITY_TYPE_ARCHIVED"
    status = Status.FAILED_PRECONDITION
    message = "{activity_type} is archived."

    def __init__(self, activity_type: str) -> None:
        super().__init__(activity_type=activity_type)


class OccasionTaken(DomainError):
    """The program has a type for this occasion, which is not archived."""

    reason = "OCCASION_TAKEN"
    status = Status.ALREADY_EXISTS
    message = "{activity_type} is for this occasion already."

    def __init__(self, activity_type: str) -> None:
        super().__init__(activity_type=activity_type)
