"""Approval chains: who has to say yes to how much, by when, and what happens where nobody does.

A chain is a row of levels. Each has an approver and a limit: up to it the approver's word suffices, above it the next
level is asked too. A level that nobody can decide is passed over; one whose time is over escalates to the next, rejects
or approves, by its policy. Nobody decides about what they nominated or would get, and nobody decides twice, by
whichever right.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from guerdon_kit.errors import FieldViolation
from recognition.domain.errors import AlreadyDecided, NotApprover, OwnAward
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.roles import Role, Standing

LEVELS_MAX = 10
DEADLINE_DAYS_MAX = 90


class ApproverKind(Enum):
    """Who an approver is. Stored by value."""

    MANAGER = "manager"
    """The first one up the nominee's line of managers who may decide."""
    PERSON = "person"
    """A person by name."""
    ROLE = "role"
    """Anybody who has a role."""


class IfOverdue(Enum):
    """What happens at a level's deadline. Stored by value."""

    ESCALATE = "escalate"
    REJECT = "reject"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Approver:
    """Who decides at a level: `person` is the id of a PERSON, `role` that of a ROLE."""

    kind: ApproverKind
    person: str = ""
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a chain. `limit` is the most points that it suffices for (0: any)."""

    approver: Approver
    limit: int
    deadline_days: int
    if_overdue: IfOverdue

    def suffices(self, amount: int) -> bool:
        """Whether nobody after it has to be asked about so many points."""
        return self.limit == 0 or amount <= self.limit

    @property
    def deadline(self) -> timedelta:
        """How long it has."""
        return timedelta(days=self.deadline_days)


@dataclass(frozen=True, slots=True)
class Case:
    """What is decided about: who nominated whom for how many points, and all who had a part in a decision before,
    as themselves or by their right. All are ids of people.
    """

    nominator: str
    nominee: str
    amount: int
    chain: tuple[Level, ...]
    decided: frozenset[str] = frozenset()

    def may_decide(self, person: str) -> bool:
        """Whether `person` has no part in it yet."""
        return person not in {self.nominator, self.nominee} and person not in self.decided


@dataclass(frozen=True, slots=True)
class Staff:
    """Who could decide: the nominee's managers from the nearest up, and how these, the persons that the chain names and
    holders of its roles stand.
    """

    line: tuple[str, ...]
    standings: Mapping[str, Standing]

    def above(self, manager: str) -> Staff:
        """Without the line's managers up to that one."""
        return replace(self, line=self.line[self.line.index(manager) + 1 :]) if manager in self.line else self

    def active(self, person: str) -> bool:
        """Whether they take part."""
        return person in self.standings and self.standings[person].active

    def receives(self, person: str) -> bool:
        """Whether they take part, and may receive points."""
        return self.active(person) and self.standings[person].role.receives

    def has(self, person: str, role: Role | None) -> bool:
        """Whether they take part, with that role."""
        return self.active(person) and self.standings[person].role is role


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is: the number of a level, and its approver, empty where anybody with its role may decide. `passed`
    are the levels passed over because nobody could decide there.
    """

    level: int
    approver: str
    passed: tuple[int, ...]


def turn_from(case: Case, staff: Staff, first: int) -> Turn | None:
    """Whose turn it is from level `first` on; None where nobody is left who could decide."""
    for number in range(first, len(case.chain)):
        approver = _approver_at(case, staff, case.chain[number])
        if approver is not None:
            return Turn(number, approver, tuple(range(first, number)))
    return None


def _approver_at(case: Case, staff: Staff, level: Level) -> str | None:
    approver = level.approver
    if approver.kind is ApproverKind.ROLE:
        able = any(case.may_decide(one) and staff.has(one, approver.role) for one in staff.standings)
        return "" if able else None
    asked = staff.line if approver.kind is ApproverKind.MANAGER else (approver.person,)
    return next((one for one in asked if case.may_decide(one) and staff.active(one)), None)


def right_of(
    case: Case, level: int, approver: str, person: str, delegators: Sequence[str], standings: Mapping[str, Standing]
) -> str:
    """By whose right `person` may decide at `level`, where it is `approver`'s turn (empty: whoever has the role): their
    own, or that of one of `delegators`, who have named them for this time. `standings` are those of all of them.

    Raises:
        OwnAward: they nominated, or would get it.
        AlreadyDecided: they had a part in an earlier decision.
        NotApprover: it is not their turn, nor that of anybody who delegated to them.
    """
    if person in {case.nominator, case.nominee}:
        raise OwnAward
    if person in case.decided:
        raise AlreadyDecided
    staff = Staff((), standings)
    role = case.chain[level].approver.role
    for owner in (person, *delegators):
        in_turn = staff.active(owner) if owner == approver else not approver and staff.has(owner, role)
        if in_turn and case.may_decide(owner):
            return owner
    raise NotApprover


def chain_violations(field: str, chain: Sequence[Level], amount_max: int) -> list[FieldViolation]:
    """What is wrong with a chain for awards of at most `amount_max` points."""
    if len(chain) > LEVELS_MAX:
        return [FieldViolation(field, "must be at most 10")]
    found: list[FieldViolation] = []
    before = 0
    for index, level in enumerate(chain):
        path, last = f"{field}[{index}]", index == len(chain) - 1
        found += _approver_violations(f"{path}.approver", level.approver)
        if not 1 <= level.deadline_days <= DEADLINE_DAYS_MAX:
            found.append(FieldViolation(f"{path}.deadline_days", "must be between 1 and 90"))
        if last and level.if_overdue is IfOverdue.ESCALATE:
            found.append(FieldViolation(f"{path}.if_overdue", "there is no level after the last to escalate to"))
        if not 0 <= level.limit <= POINTS_MAX or (not last and level.limit <= before):
            found.append(FieldViolation(f"{path}.limit_amount", "must be above that of the level before, at most 2^53"))
        elif last and not level.suffices(amount_max):
            found.append(FieldViolation(f"{path}.limit_amount", "the last level's must suffice for every award"))
        before = level.limit
    return found


def _approver_violations(path: str, approver: Approver) -> Collection[FieldViolation]:
    if approver.kind is ApproverKind.ROLE and approver.role not in {Role.ADMIN, Role.MANAGER}:
        return [FieldViolation(f"{path}.role", "must be ADMIN or MANAGER")]
    return []
