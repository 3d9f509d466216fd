"""Awards: who may nominate whom for what, and how far a nomination is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from guerdon_kit.errors import FieldViolation, InvalidField, NotFound
from recognition.domain.approvals import Case, Level, chain_violations
from recognition.domain.award_budgets import amount_violations
from recognition.domain.errors import (
    AwardProgramClosed,
    NominationNotAllowed,
    PersonDeactivated,
    ReceivingNotAllowed,
    SelfGiving,
)
from recognition.domain.organisations import NAME_LENGTH_MAX
from recognition.domain.payouts import PayoutState, Progress
from recognition.domain.people import person_name
from recognition.domain.recognitions import Visibility
from recognition.domain.roles import Role, Standing
from recognition.domain.texts import text_violations

REASON_LENGTH_MAX = 2000
COMMENT_LENGTH_MAX = 500
VISIBILITIES = (Visibility.PUBLIC, Visibility.PRIVATE)


@dataclass(frozen=True, slots=True)
class AwardProgram:
    """A kind of award: how many points, from which budget, who may nominate, and who approves. `own_reports_only`: a
    nominator is one of the nominee's managers, near or far.
    """

    organisation: str
    id: str
    display_name: str
    budget: str
    amount_min: int
    amount_max: int
    nominators: tuple[Role, ...]
    own_reports_only: bool
    chain: tuple[Level, ...]
    closed: bool
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return program_name(self.organisation, self.id)

    def check(self) -> None:
        """Whether there can be such a program; its names are checked already.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        found = text_violations("award_program.display_name", self.display_name, NAME_LENGTH_MAX)
        found += amount_violations("award_program.amount_min", self.amount_min)
        found += amount_violations("award_program.amount_max", self.amount_max)
        if self.amount_min > self.amount_max:
            found.append(FieldViolation("award_program.amount_max", "must be at least amount_min"))
        if not self.nominators or not all(role.gives for role in self.nominators):
            found.append(FieldViolation("award_program.nominators", "must be some of ADMIN, MANAGER, GIVER"))
        found += chain_violations("award_program.levels", self.chain, self.amount_max)
        if found:
            raise InvalidField(found)


@dataclass(frozen=True, slots=True)
class Nomination:
    """An award to ask for: `nominator` and `nominee` are ids of people, `program` that of an award program."""

    organisation: str
    program: str
    nominator: str
    nominee: str
    amount: int
    reason: str
    visibility: Visibility

    def check(self, program: AwardProgram, standings: Mapping[str, Standing], line: tuple[str, ...]) -> None:
        """Whether this may be asked for. `line` are the nominee's managers, near and far.

        Raises:
            InvalidField: with every field that is out of its bounds.
            NotFound: there is no such nominee or nominator.
            SelfGiving: they are one. No program allows that.
            PersonDeactivated, ReceivingNotAllowed, NominationNotAllowed, AwardProgramClosed: as they say.
        """
        found = text_violations("award.reason", self.reason, REASON_LENGTH_MAX)
        if not program.amount_min <= self.amount <= program.amount_max:
            bounds = f"must be between {program.amount_min} and {program.amount_max}"
            found.append(FieldViolation("award.amount", bounds))
        if found:
            raise InvalidField(found)
        if program.closed:
            raise AwardProgramClosed(program.name)
        for person in (self.nominator, self.nominee):
            if person not in standings:
                raise NotFound(person_name(self.organisation, person))
            if not standings[person].active:
                raise PersonDeactivated(person_name(self.organisation, person))
        nominee = person_name(self.organisation, self.nominee)
        if self.nominator == self.nominee:
            raise SelfGiving(nominee)
        if not standings[self.nominee].role.receives:
            raise ReceivingNotAllowed(nominee, standings[self.nominee].role.name)
        by_role = standings[self.nominator].role in program.nominators
        if not by_role or (program.own_reports_only and self.nominator not in line):
            raise NominationNotAllowed(program.name, person_name(self.organisation, self.nominator), nominee)


class AwardState(Enum):
    """What was decided about an award. Stored by value."""

    IN_APPROVAL = "in_approval"
    APPROVED = "approved"
    """Its points are on their way: how far, its payout says."""
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Action(Enum):
    """What a step of an approval did. Stored by value."""

    NOMINATED = "nominated"
    PASSED_OVER = "passed_over"
    """Nobody could decide at this level."""
    APPROVED = "approved"
    REJECTED = "rejected"
    ESCALATED = "escalated"
    """The level's time was over, and the next one is asked."""
    APPROVED_OVERDUE = "approved_overdue"
    """The level's time was over, which approves."""
    REJECTED_OVERDUE = "rejected_overdue"
    """The level's time was over, which rejects; or nobody was left to decide."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who did what, when, at which level (-1: before the first), and by whose right if not their own. Where
    the clock did it, `person` is empty; `actor` is whom the request was booked to.
    """

    level: int
    action: Action
    person: str
    right_of: str
    comment: str
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Award:
    """An award as stored. In approval, `level` is the one whose turn it is, `approver` who decides there (empty: who
    has the level's role), and `deadline` when its time is over.
    """

    id: str
    nomination: Nomination
    chain: tuple[Level, ...]
    state: AwardState
    level: int
    approver: str
    deadline: datetime | None
    create_time: datetime
    progress: Progress | None
    steps: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """The resource name."""
        return award_name(self.nomination.organisation, self.id)

    @property
    def given(self) -> bool:
        """Whether the nominee has the points."""
        return self.progress is not None and self.progress.state is PayoutState.PAID

    @property
    def case(self) -> Case:
        """What is decided about."""
        parts = {one for step in self.steps if step.action is Action.APPROVED for one in (step.person, step.right_of)}
        nomination = self.nomination
        return Case(nomination.nominator, nomination.nominee, nomination.amount, self.chain, frozenset(parts - {""}))

    def concerns(self, person: str) -> bool:
        """Whether somebody nominated, or decided at some level, or is to decide now."""
        parts = {one for step in self.steps for one in (step.person, step.right_of)}
        return person in {self.nomination.nominator, self.approver, *parts}

    def shown_to(self, viewer: str | None) -> bool:
        """Whether somebody without a part in it sees it: the nominee and, where it is public, everybody, once it is
        given. So a nominee learns what they got, and not what they were refused.
        """
        return self.given and (self.nomination.visibility is Visibility.PUBLIC or viewer == self.nomination.nominee)


def program_name(organisation: str, program: str) -> str:
    """The resource name of an award program."""
    return f"organisations/{organisation}/awardPrograms/{program}"


def award_name(organisation: str, award: str) -> str:
    """The resource name of an award."""
    return f"organisations/{organisation}/awards/{award}"
