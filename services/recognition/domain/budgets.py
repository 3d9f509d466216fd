"""How an organisation pays for its points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.periods import Period

PART_MAX = 10**9

_CURRENCY = re.compile(r"[A-Z]{3}")


class BudgetMode(Enum):
    """How an organisation pays. Stored by value."""

    PREPAID = "prepaid"
    """It buys points and grants what it has bought."""
    BILLED_ON_REDEMPTION = "billed_on_redemption"
    """It grants up to a credit limit, and is billed for what is redeemed."""


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """By which contract an organisation pays: how far its budget may go below zero, and what a redeemed point costs in
    the currency's minor units (nothing and no currency of a PREPAID one).
    """

    mode: BudgetMode
    credit_limit: int
    minor_units: Fraction | None
    currency_code: str

    def check(self) -> None:
        """Whether there can be such terms.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        violations = list(self._violations())
        if violations:
            raise InvalidField(violations)

    def _violations(self) -> list[FieldViolation]:
        found = []
        if not 0 <= self.credit_limit <= POINTS_MAX:
            found.append(FieldViolation("terms.credit_limit", "must be between 0 and 2^53"))
        if self.mode is BudgetMode.PREPAID:
            if self.credit_limit:
                found.append(FieldViolation("terms.credit_limit", "must be 0: it is paid before"))
            if self.minor_units is not None:
                found.append(FieldViolation("terms.minor_units_per_point", "must be absent: it is paid before"))
            if self.currency_code:
                found.append(FieldViolation("terms.currency_code", "must be empty: it is paid before"))
            return found
        if self.minor_units is None or self.minor_units <= 0:
            found.append(FieldViolation("terms.minor_units_per_point", "must be more than 0"))
        elif max(self.minor_units.numerator, self.minor_units.denominator) > PART_MAX:
            found.append(FieldViolation("terms.minor_units_per_point", "must have parts of at most 10^9"))
        if _CURRENCY.fullmatch(self.currency_code) is None:
            found.append(FieldViolation("terms.currency_code", "must be three capital letters, as in ISO 4217"))
        return found


@dataclass(frozen=True, slots=True)
class Budget:
    """What an organisation's points are paid from. `balance` is what its account has, and `available_amount` what can
    still be granted (None where nothing limits it); of the present `period`, `granted_amount` was granted and
    `waiting_amount` waits. `outstanding_amount` was granted and not given yet.
    """

    organisation: str
    account: str
    terms: BudgetTerms | None
    balance: int
    available_amount: int | None
    funded_amount: int
    period: Period | None
    granted_amount: int
    waiting_amount: int
    outstanding_amount: int

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.organisation}/budget"
