"""Achievements: what other systems report, one credit for each external id, within each source's limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import DomainError, FieldViolation, InvalidField
from recognition.domain.award_budgets import amount_violations
from recognition.domain.errors import (
    AchievementDailyLimit,
    AchievementDiffers,
    AchievementMonthlyLimit,
)
from recognition.domain.organisations import NAME_LENGTH_MAX, POINTS_MAX
from recognition.domain.parties import receiver_refusal
from recognition.domain.payouts import Progress
from recognition.domain.people import person_name
from recognition.domain.roles import Standing
from recognition.domain.texts import text_violations

DESCRIPTION_LENGTH_MAX = 200
BATCH_MAX = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """A system that reports, paid from `budget`; its limits are points in a day and in a month (0: none)."""

    organisation: str
    id: str
    display_name: str
    budget: str
    daily_limit: int
    monthly_limit: int
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.organisation}/achievementSources/{self.id}"

    def check(self) -> None:
        """Whether there can be such a source.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        path = "achievement_source"
        violations = text_violations(f"{path}.display_name", self.display_name, NAME_LENGTH_MAX)
        for field, limit in (("daily_limit", self.daily_limit), ("monthly_limit", self.monthly_limit)):
            if not 0 <= limit <= POINTS_MAX:
                violations.append(FieldViolation(f"{path}.{field}", "must be between 0 and 2^53"))
        if violations:
            raise InvalidField(violations)


@dataclass(frozen=True, slots=True)
class Asked:
    """An achievement as it was reported: `id` is the source's own, `person` an id."""

    organisation: str
    source: str
    id: str
    person: str
    amount: int
    description: str

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.organisation}/achievementSources/{self.source}/achievements/{self.id}"

    def violations(self, path: str) -> list[FieldViolation]:
        """What of its fields is out of bounds."""
        found = amount_violations(f"{path}.amount", self.amount)
        return found + text_violations(f"{path}.description", self.description, DESCRIPTION_LENGTH_MAX)


@dataclass(frozen=True, slots=True)
class Achievement:
    """An achievement as stored, with the id of its payout."""

    asked: Asked
    payout: str
    record_time: datetime
    progress: Progress


@dataclass(frozen=True, slots=True)
class Used:
    """How much of its limits a source has used at a moment: the zone's day, what it gave in it and in its month, and
    when either begins anew.
    """

    day: date
    of_day: int
    of_month: int
    day_end_time: datetime
    month_end_time: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a report: it is new, was recorded before, or is refused."""

    asked: Asked
    already: bool = False
    refusal: DomainError | None = None

    @property
    def new(self) -> bool:
        """Whether it is to be recorded."""
        return not self.already and self.refusal is None


def used_at(now: datetime, zone: str, of_day: int, of_month: int) -> Used:
    """What is used at `now` of the day and the month in `zone`."""
    tz = ZoneInfo(zone)
    day = now.astimezone(tz).date()
    next_month = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return Used(day, of_day, of_month, first_instant(day + timedelta(days=1), tz), first_instant(next_month, tz))


def judge(
    source: Source, reports: Sequence[Asked], known: Mapping[str, Asked], standings: Mapping[str, Standing], used: Used
) -> list[Judgement]:
    """What becomes of reports, in order. `known` are those of their ids that were recorded before, `standings` those
    of the people that exist.
    """
    seen = dict(known)
    of_day, of_month = used.of_day, used.of_month
    found = []
    for asked in reports:
        earlier = seen.get(asked.id)
        refusal = _differs(asked, earlier) if earlier else _refusal(source, asked, standings, used, of_day, of_month)
        found.append(Judgement(asked, earlier is not None and refusal is None, refusal))
        if found[-1].new:
            seen[asked.id] = asked
            of_day += asked.amount
            of_month += asked.amount
    return found


def _differs(asked: Asked, earlier: Asked) -> DomainError | None:
    if (asked.person, asked.amount) == (earlier.person, earlier.amount):
        return None
    return AchievementDiffers(asked.name, person_name(earlier.organisation, earlier.person), earlier.amount)


def _refusal(
    source: Source, asked: Asked, standings: Mapping[str, Standing], used: Used, of_day: int, of_month: int
) -> DomainError | None:
    unfit = receiver_refusal(asked.organisation, standings, asked.person)
    if unfit is not None:
        return unfit
    if source.daily_limit and of_day + asked.amount > source.daily_limit:
        return AchievementDailyLimit(source.daily_limit, of_day, used.day_end_time)
    if source.monthly_limit and of_month + asked.amount > source.monthly_limit:
        return AchievementMonthlyLimit(source.monthly_limit, of_month, used.month_end_time)
    return None


def check_batch(reports: Collection[Asked], request_ids: Sequence[str], path: str) -> None:
    """Whether reports may come together. `path` is where one stands in the request, a template over `index`.

    Raises:
        InvalidField: they are too many, a field is out of its bounds, or a request id is there twice.
    """
    if not 1 <= len(reports) <= BATCH_MAX:
        raise InvalidField.of("requests", "must be 1 to 1,000")
    violations = []
    seen: set[str] = set()
    for index, (asked, request_id) in enumerate(zip(reports, request_ids, strict=True)):
        violations += asked.violations(f"{path.format(index=index)}achievement")
        if request_id in seen:
            violations.append(FieldViolation(f"{path.format(index=index)}request_id", "is there twice"))
        seen.add(request_id)
    if violations:
        raise InvalidField(violations)
