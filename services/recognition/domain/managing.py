"""Manager budgets: what a manager is granted in every period, to give out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.allowances import Share
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.people import account_id, person_name
from recognition.domain.periods import Period

CARRY_OVER_MAX = 12


@dataclass(frozen=True, slots=True)
class ManagerBudget:
    """What `person` is granted in every period: `amount` points, which can be given out in it and in
    `carry_over_periods` more. So a manager never has more than that many amounts and one: the cap.
    """

    organisation: str
    person: str
    amount: int
    carry_over_periods: int

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{person_name(self.organisation, self.person)}/managerBudget"

    @property
    def account_id(self) -> str:
        """The id of the ledger's account that it lies on. What is there is all that can be given out."""
        return account_id("manager", person_name(self.organisation, self.person))

    def check(self) -> None:
        """Whether there can be such a budget.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        violations = []
        if not 0 <= self.amount <= POINTS_MAX:
            violations.append(FieldViolation("manager_budget.amount", "must be between 0 and 2^53"))
        if not 0 <= self.carry_over_periods <= CARRY_OVER_MAX:
            violations.append(FieldViolation("manager_budget.carry_over_periods", "must be between 0 and 12"))
        if violations:
            raise InvalidField(violations)

    def expire_time(self, period: Period, zone: str) -> datetime:
        """When what was granted for `period` expires."""
        day = period.next_day
        for _ in range(self.carry_over_periods):
            day = period.kind.next_first_day(day)
        return first_instant(day, ZoneInfo(zone))


def manager_shares(budgets: Iterable[ManagerBudget], period: Period, zone: str) -> list[Share]:
    """What each manager is granted in a period; whoever gets nothing is left out."""
    return [
        Share(budget.person, budget.account_id, budget.amount, 0, budget.expire_time(period, zone))
        for budget in budgets
        if budget.amount
    ]
