"""Award budgets: accounts of the ledger that hold what an organisation set apart for awards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.organisations import NAME_LENGTH_MAX, POINTS_MAX
from recognition.domain.people import account_id
from recognition.domain.texts import text_violations

WAIT_DAYS_MAX = 366
WAIT_DAYS_DEFAULT = 30


@dataclass(frozen=True, slots=True)
class NewAwardBudget:
    """A budget to make: its id within the organisation, what people call it, and how many days it is waited for."""

    organisation: str
    id: str
    display_name: str
    wait_days: int

    @property
    def name(self) -> str:
        """The resource name."""
        return budget_name(self.organisation, self.id)

    @property
    def account_id(self) -> str:
        """The id of its account in the ledger."""
        return account_id("awards", self.name)

    def check(self) -> None:
        """Whether there can be such a budget; its id is checked already.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        violations = text_violations("award_budget.display_name", self.display_name, NAME_LENGTH_MAX)
        if not 1 <= self.wait_days <= WAIT_DAYS_MAX:
            violations.append(FieldViolation("award_budget.wait_days", "must be between 0 and 366"))
        if violations:
            raise InvalidField(violations)


@dataclass(frozen=True, slots=True)
class AwardBudget:
    """A budget as stored; the account is an id within the organisation's program."""

    organisation: str
    id: str
    display_name: str
    program: str
    account_id: str
    wait_days: int
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return budget_name(self.organisation, self.id)

    @property
    def account(self) -> str:
        """The ledger's account that has the points."""
        return f"programs/{self.program}/accounts/{self.account_id}"

    def wait_end_time(self, now: datetime) -> datetime:
        """Until when what is decided at `now` waits for it."""
        return now + timedelta(days=self.wait_days)


def budget_name(organisation: str, budget: str) -> str:
    """The resource name of a budget."""
    return f"organisations/{organisation}/awardBudgets/{budget}"


def amount_violations(field: str, amount: int) -> list[FieldViolation]:
    """What is wrong with an amount of points that somebody gets."""
    return [] if 1 <= amount <= POINTS_MAX else [FieldViolation(field, "must be between 1 and 2^53")]


def check_amount(field: str, amount: int) -> None:
    """Raises InvalidField where it is no amount of points."""
    violations = amount_violations(field, amount)
    if violations:
        raise InvalidField(violations)
