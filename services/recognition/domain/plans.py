"""Allowance plans: how much people are granted in which periods, and from when on a change holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.periods import Period, PeriodKind, period
from recognition.domain.roles import Role

OVERRIDES_MAX = 100


@dataclass(frozen=True, slots=True)
class Override:
    """Another amount for whoever has the role, works in the country and is in the team that it names, if it does."""

    amount: int
    role: Role | None = None
    country: str = ""
    team: str = ""

    def fits(self, role: Role, country: str, teams: Sequence[str]) -> bool:
        """Whether somebody of this role, country and teams is granted its amount."""
        return self.role in (None, role) and self.country in ("", country) and (not self.team or self.team in teams)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan says: in each period of `kind`, `base_amount` points for everybody whom no override fits."""

    kind: PeriodKind
    base_amount: int
    overrides: tuple[Override, ...] = ()

    def amount_for(self, role: Role, country: str, teams: Sequence[str]) -> int:
        """The base amount of one person: that of the first override that fits."""
        for override in self.overrides:
            if override.fits(role, country, teams):
                return override.amount
        return self.base_amount

    def check(self) -> None:
        """Whether there can be such a plan.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        violations = []
        if not 0 <= self.base_amount <= POINTS_MAX:
            violations.append(FieldViolation("plan.base_amount", "must be between 0 and 2^53"))
        if len(self.overrides) > OVERRIDES_MAX:
            violations.append(FieldViolation("plan.overrides", "must be at most 100"))
        for index, override in enumerate(self.overrides[:OVERRIDES_MAX]):
            field = f"plan.overrides[{index}]"
            if not 0 <= override.amount <= POINTS_MAX:
                violations.append(FieldViolation(f"{field}.amount", "must be between 0 and 2^53"))
            if override.role is None and not override.country and not override.team:
                violations.append(FieldViolation(field, "must name a role, a country or a team"))
        if violations:
            raise InvalidField(violations)


@dataclass(frozen=True, slots=True)
class Plan:
    """Terms that hold from `from_day` on (a day of the organisation's zone) until the next plan's. `version` counts
    an organisation's plans from 1, those that were replaced before they held among them.
    """

    organisation: str
    version: int
    from_day: date
    terms: Terms
    actor: str
    create_time: datetime


def in_force(plans: Sequence[Plan], day: date) -> Plan | None:
    """Which of an organisation's plans, by their days, holds on `day`; None where none does yet."""
    return next((plan for plan in reversed(plans) if plan.from_day <= day), None)


def period_on(plans: Sequence[Plan], day: date, zone: str) -> Period | None:
    """The period in which `day` lies by the plan that holds then. It begins with the plan and ends with it, where the
    calendar's period would begin before or end after that.
    """
    plan = in_force(plans, day)
    if plan is None:
        return None
    kind = plan.terms.kind
    ends = [kind.next_first_day(day), *(later.from_day for later in plans if later.from_day > day)]
    return period(kind, max(kind.first_day(day), plan.from_day), min(ends), zone)


def holds_from(current: Plan | None, kind: PeriodKind, day: date) -> date:
    """From which day on a plan of `kind` holds that is made on `day`, when `current` does.

    The first one holds for the whole period that is under way. Any other holds from the next period on: nobody's
    present allowance changes. Where the kinds differ it is a period of the shorter kind that is cut short: weeks begin
    as soon as a month is over, and a month's plan waits for a month to begin.
    """
    if current is None:
        return kind.first_day(day)
    following = current.terms.kind.next_first_day(day)
    waits = kind.outlasts(current.terms.kind) and kind.first_day(following) != following
    return kind.next_first_day(following) if waits else following
