"""Service anniversaries and birthdays: whose day it is, and what that gives."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.payouts import Progress
from recognition.domain.people import person_name
from recognition.domain.recognitions import Visibility

ANNIVERSARIES_MAX = 100
YEARS_MAX = 100
CATCH_UP_DAYS_MAX = 31


class LeapDay(Enum):
    """When 29 February is kept in a year that has none. Stored by value."""

    FEBRUARY_28 = "february_28"
    MARCH_1 = "march_1"


class Occasion(Enum):
    """What is celebrated. Stored by value."""

    ANNIVERSARY = "anniversary"
    BIRTHDAY = "birthday"


@dataclass(frozen=True, slots=True)
class Policy:
    """What an organisation celebrates, paid from `budget`: points by years of service, for every other anniversary and
    for a birthday; 0: none.
    """

    organisation: str
    budget: str
    anniversary_amounts: tuple[tuple[int, int], ...]
    other_anniversary_amount: int
    birthday_amount: int
    leap_day: LeapDay
    catch_up_days: int
    visibility: Visibility

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.organisation}/celebrationPolicy"

    def check(self) -> None:
        """Whether there can be such a policy.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        path = "celebration_policy"
        found = []
        if len(self.anniversary_amounts) > ANNIVERSARIES_MAX:
            found.append(FieldViolation(f"{path}.anniversary_amounts", "must be at most 100"))
        seen: set[int] = set()
        for index, (years, amount) in enumerate(self.anniversary_amounts[:ANNIVERSARIES_MAX]):
            if not 1 <= years <= YEARS_MAX or years in seen:
                found.append(
                    FieldViolation(f"{path}.anniversary_amounts[{index}].years", "must be 1 to 100, each once")
                )
            found += _amount_violations(f"{path}.anniversary_amounts[{index}].amount", amount)
            seen.add(years)
        found += _amount_violations(f"{path}.other_anniversary_amount", self.other_anniversary_amount)
        found += _amount_violations(f"{path}.birthday_amount", self.birthday_amount)
        if not 0 <= self.catch_up_days <= CATCH_UP_DAYS_MAX:
            found.append(FieldViolation(f"{path}.catch_up_days", "must be between 0 and 31"))
        if found:
            raise InvalidField(found)

    def amount(self, occasion: Occasion, years: int) -> int:
        """What an occasion gives; `years` of service count for an anniversary only."""
        if occasion is Occasion.BIRTHDAY:
            return self.birthday_amount
        return dict(self.anniversary_amounts).get(years, self.other_anniversary_amount)


def _amount_violations(field: str, amount: int) -> list[FieldViolation]:
    return [] if 0 <= amount <= POINTS_MAX else [FieldViolation(field, "must be between 0 and 2^53")]


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody's day that is to be celebrated; `years` of service are 0 for a birthday."""

    person: str
    occasion: Occasion
    day: date
    years: int


@dataclass(frozen=True, slots=True)
class Celebration:
    """A celebrated day as stored, with the id of its payout."""

    organisation: str
    due: Due
    amount: int
    visibility: Visibility
    payout: str
    create_time: datetime
    progress: Progress

    @property
    def name(self) -> str:
        """The resource name."""
        return celebration_name(self.organisation, self.due)


def celebration_name(organisation: str, due: Due) -> str:
    """The resource name of the celebration of a day."""
    return f"{person_name(organisation, due.person)}/celebrations/{due.occasion.value}-{due.day.year}"


def days_to_keep(today: date, start_day: date, catch_up_days: int) -> list[date]:
    """The days, up to `today`, that are still celebrated: none before celebrations began."""
    first = max(start_day, today - timedelta(days=catch_up_days))
    return [first + timedelta(days=ahead) for ahead in range((today - first).days + 1)]


def dates_kept(day: date, leap_day: LeapDay) -> Iterator[tuple[int, int]]:
    """The months and days of the month celebrated on `day`: its own, and 29 February where the year has none."""
    yield day.month, day.day
    kept = (2, 28) if leap_day is LeapDay.FEBRUARY_28 else (3, 1)
    if not isleap(day.year) and (day.month, day.day) == kept:
        yield 2, 29
