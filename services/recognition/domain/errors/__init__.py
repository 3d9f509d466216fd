"""What the recognition service refuses, and why."""

from __future__ import annotations

from recognition.domain.errors.achievements import (
    AchievementDailyLimit,
    AchievementDiffers,
    AchievementMonthlyLimit,
)
from recognition.domain.errors.allowances import PeriodNotCurrent
from recognition.domain.errors.award_budgets import FundingRefused
from recognition.domain.errors.organisations import IdentityTaken, PersonDeactivated
from recognition.domain.errors.recognitions import GivingRefused, InsufficientAllowance, SelfGiving

__all__ = [
    "AchievementDailyLimit",
    "AchievementDiffers",
    "AchievementMonthlyLimit",
    "FundingRefused",
    "GivingRefused",
    "IdentityTaken",
    "InsufficientAllowance",
    "PeriodNotCurrent",
    "PersonDeactivated",
    "SelfGiving",
]
