"""What achievements refuse."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.errors import DomainError, Status


class AchievementDiffers(DomainError):
    """The source has reported this id before, for somebody else or with another amount: one credit for each id."""

    reason = "ACHIEVEMENT_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{achievement} is recorded for {person} with {amount} points."

    def __init__(self, achievement: str, person: str, amount: int) -> None:
        super().__init__(achievement=achievement, person=person, amount=amount)


class AchievementDailyLimit(DomainError):
    """The source would give more than it may in a day."""

    reason = "ACHIEVEMENT_DAILY_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "This source may give {limit} points a day, and has given {used}; the next day begins at {reset_time}."

    def __init__(self, limit: int, used: int, reset_time: datetime) -> None:
        super().__init__(limit=limit, used=used, reset_time=reset_time.isoformat())


class AchievementMonthlyLimit(DomainError):
    """The source would give more than it may in a month."""

    reason = "ACHIEVEMENT_MONTHLY_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "This source may give {limit} points a month, and has given {used}; the next begins at {reset_time}."

    def __init__(self, limit: int, used: int, reset_time: datetime) -> None:
        super().__init__(limit=limit, used=used, reset_time=reset_time.isoformat())
