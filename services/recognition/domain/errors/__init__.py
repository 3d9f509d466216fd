"""What the recognition service refuses, and why."""

from __future__ import annotations

from recognition.domain.errors.allowances import PeriodNotCurrent
from recognition.domain.errors.organisations import IdentityTaken, PersonDeactivated
from recognition.domain.errors.recognitions import GivingRefused, InsufficientAllowance, SelfGiving

__all__ = [
    "GivingRefused",
    "IdentityTaken",
    "InsufficientAllowance",
    "PeriodNotCurrent",
    "PersonDeactivated",
    "SelfGiving",
]
