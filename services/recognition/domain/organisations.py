"""What an organisation is, and which ones there can be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.countries import CountryValue, country_violations
from recognition.domain.texts import text_violations

POINTS_MAX = 2**53
NAME_LENGTH_MAX = 200
VALUES_MAX = 50
VALUE_LENGTH_MAX = 51

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
_VALUE = re.compile(r"#[a-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True)
class Organisation:
    """An employer whose people give points of `unit` (in its program) in the periods of `time_zone`."""

    id: str
    display_name: str
    program: str
    unit: str
    time_zone: str
    values: tuple[str, ...]
    create_time: datetime
    countries: tuple[CountryValue, ...] = ()
    exchange_allowed: bool = False
    """Whether what its people earned may be exchanged with other brands."""

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"organisations/{self.id}"

    @property
    def program_name(self) -> str:
        """The ledger's tenant."""
        return f"programs/{self.program}"

    @property
    def unit_name(self) -> str:
        """The unit that is given."""
        return f"programs/{self.program}/units/{self.unit}"

    @property
    def budget_account(self) -> str:
        """The ledger's account that funds the allowances: its own, should a program serve two organisations."""
        return budget_account(self.program, self.unit, self.id)

    @property
    def budget_account_id(self) -> str:
        """The id of that account within the program."""
        return budget_account_id(self.unit, self.id)

    @property
    def issuance_account_id(self) -> str:
        """The id of the ledger's account that the unit's points come from."""
        return f"issuance.{self.unit}"

    def check(self) -> None:
        """Whether such an organisation can be. Its zone and the names in it are checked already.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        violations = list(self._violations())
        if violations:
            raise InvalidField(violations)

    def _violations(self) -> list[FieldViolation]:
        found = []
        if _ID.fullmatch(self.id) is None:
            # The id ends the name of a system account of the ledger, whose ids have 63 characters.
            found.append(FieldViolation("organisation.name", "its id must be 1 to 24 of a-z 0-9 -, not a - first"))
        found += text_violations("organisation.display_name", self.display_name, NAME_LENGTH_MAX)
        if len(self.values) > VALUES_MAX:
            found.append(FieldViolation("organisation.values", "must be at most 50"))
        for index, value in enumerate(self.values[:VALUES_MAX]):
            field = f"organisation.values[{index}]"
            if _VALUE.fullmatch(value) is None:
                found.append(FieldViolation(field, "must be a # and 1 to 50 of a-z 0-9 _ -"))
            elif value in self.values[:index]:
                found.append(FieldViolation(field, "is there twice"))
        return found + country_violations("organisation.countries", self.countries)


def budget_account(program: str, unit: str, organisation: str) -> str:
    """The name of an organisation's budget account."""
    return f"programs/{program}/accounts/{budget_account_id(unit, organisation)}"


def budget_account_id(unit: str, organisation: str) -> str:
    """The id of that account within the program."""
    return f"budget.{unit}.{organisation}"
