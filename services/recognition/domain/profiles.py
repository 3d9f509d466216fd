"""What an organisation knows of a person, and may change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from guerdon_kit.errors import FieldViolation
from recognition.domain.roles import Role
from recognition.domain.texts import text_violations

NAME_LENGTH_MAX = 200
IDENTITY_LENGTH_MAX = 400
USER_NAME_LENGTH_MAX = 254  # of an email address, RFC 5321
TEAMS_MAX = 50

COUNTRY = re.compile(r"[A-Z]{2}")
_START_YEARS = range(1900, 2200)
_A_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Birthday:
    """A day of the year, 29 February among them."""

    month: int
    day: int

    @property
    def exists(self) -> bool:
        """Whether some year has it."""
        try:
            date(_A_LEAP_YEAR, self.month, self.day)
        except (ValueError, OverflowError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Profile:
    """What colleagues call a person, who acts as them (`issuer|subject`), what they may do, whom they report to (an
    id), which teams they are in (ids), where and since when they are employed, their birthday, what they sign in
    with, and what they wish to be left out of. Empty and None: not known, or nobody.
    """

    display_name: str
    identity: str = ""
    role: Role = Role.GIVER
    manager: str = ""
    teams: tuple[str, ...] = ()
    country: str = ""
    start_date: date | None = None
    birthday: Birthday | None = None
    user_name: str = ""
    celebrations_opt_out: bool = False
    leaderboards_opt_out: bool = False

    def violations(self, field: str) -> list[FieldViolation]:
        """What is out of its bounds; `field` is where the person stands in the request."""
        found = text_violations(f"{field}.display_name", self.display_name, NAME_LENGTH_MAX)
        found += text_violations(f"{field}.identity", self.identity, IDENTITY_LENGTH_MAX)
        if self.identity and "|" not in self.identity:
            found.append(FieldViolation(f"{field}.identity", "must be a token's issuer, a | and its subject"))
        found += text_violations(f"{field}.user_name", self.user_name, USER_NAME_LENGTH_MAX)
        if self.country and COUNTRY.fullmatch(self.country) is None:
            found.append(FieldViolation(f"{field}.country", "must be two capital letters, as in ISO 3166-1"))
        if self.start_date is not None and self.start_date.year not in _START_YEARS:
            found.append(FieldViolation(f"{field}.start_date", "must be a whole date from 1900 on"))
        if self.birthday is not None and not self.birthday.exists:
            found.append(FieldViolation(f"{field}.birthday", "must be a month and its day, with year 0"))
        if len(self.teams) > TEAMS_MAX:
            found.append(FieldViolation(f"{field}.teams", "must be at most 50"))
        found += [
            FieldViolation(f"{field}.teams[{index}]", "is there twice")
            for index, team in enumerate(self.teams[:TEAMS_MAX])
            if team in self.teams[:index]
        ]
        return found
