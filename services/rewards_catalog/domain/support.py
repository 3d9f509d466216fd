"""Cases of members, and goodwill: points that an agent gives in one, alone or with a second person.

PENDING → GIVEN                        within what the agent may give alone in a day
   │  └→ PROPOSED → GIVEN | REJECTED   above that: another person decides, in the ledger
   └───→ REFUSED                       by the ledger
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from guerdon_kit.errors import FieldViolation
from rewards_catalog.domain.errors import CaseClosed, CaseFull

MAX_SUBJECT = 100
MAX_GOODWILL = 100
"""How often goodwill is given in one case."""
MAX_POINTS = 2**53


@dataclass(frozen=True, slots=True)
class Case:
    """What a member has come to support with; `close_time` None: it is open."""

    program: str
    id: str
    member: str
    subject: str
    opener: str
    create_time: datetime
    closer: str
    close_time: datetime | None

    @property
    def name(self) -> str:
        """The resource name."""
        return f"programs/{self.program}/cases/{self.id}"


class GoodwillState(StrEnum):
    """How far goodwill is."""

    PENDING = "PENDING"
    GIVEN = "GIVEN"
    PROPOSED = "PROPOSED"
    REJECTED = "REJECTED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Goodwill:
    """Points for an account of the unit, by one adjustment. `alone`: its agent gives it without a second person.

    `transaction` and `adjustment` are names in the ledger, empty until they exist; `refusal` is the ledger's reason.
    """

    program: str
    case: str
    id: str
    account: str
    unit: str
    points: int
    expire_time: datetime | None
    alone: bool
    state: GoodwillState
    transaction: str
    adjustment: str
    refusal: str
    agent: str
    create_time: datetime

    @property
    def parent(self) -> str:
        """The program's resource name, which is the tenant."""
        return f"programs/{self.program}"

    @property
    def case_name(self) -> str:
        """The resource name of its case."""
        return f"{self.parent}/cases/{self.case}"

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{self.case_name}/goodwill/{self.id}"


@dataclass(frozen=True, slots=True)
class GoodwillLimit:
    """How many points of a unit each agent may give alone in a day of the program's time zone."""

    program: str
    unit: str
    daily_points: int

    @property
    def name(self) -> str:
        """The unit's resource name."""
        return f"programs/{self.program}/units/{self.unit}"


def case_violations(case: Case) -> Iterator[FieldViolation]:
    """Every bound that is broken."""
    if not (1 <= len(case.subject) <= MAX_SUBJECT and case.subject.isprintable()):
        yield FieldViolation("case.subject", f"must have 1 to {MAX_SUBJECT} printable characters")


def goodwill_violations(points: int, expire_time: datetime | None, now: datetime) -> Iterator[FieldViolation]:
    """Every bound that is broken."""
    if not 1 <= points <= MAX_POINTS:
        yield FieldViolation("goodwill.points", "must be between 1 and 2^53")
    if expire_time is not None and expire_time <= now:
        yield FieldViolation("goodwill.expire_time", "must be later than now")


def check_open(case: Case, given: int) -> None:
    """Checks that goodwill may be given in the case, in which it was `given` so often.

    Raises:
        CaseClosed, CaseFull: it may not.
    """
    if case.close_time is not None:
        raise CaseClosed(case=case.name)
    if given >= MAX_GOODWILL:
        raise CaseFull(case=case.name, limit=MAX_GOODWILL)


def may_give_alone(points: int, given_today: int, daily_points: int) -> bool:
    """Whether an agent may give so many points of a unit without a second person, who gave others alone today."""
    return given_today + points <= daily_points
