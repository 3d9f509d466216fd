"""What each step makes of an award: from its nomination through its levels to a decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from recognition.domain.approvals import ApproverKind, Case, IfOverdue, Level, Staff, turn_from
from recognition.domain.awards import Action, Award, AwardState, Nomination, Step
from recognition.domain.errors import ApprovalOverdue, NoApprover, NotInApproval

BEFORE_FIRST = -1


@dataclass(frozen=True, slots=True)
class By:
    """Who makes a step: a person, by somebody's right if not their own, with what they say; and whom the request is
    booked to.
    """

    person: str
    actor: str
    right_of: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """An award as a step leaves it, and the steps to write down. The award has those only that it had before."""

    award: Award
    steps: tuple[Step, ...]


_CLOCK = By("", "")


def nominate(id_: str, nomination: Nomination, chain: tuple[Level, ...], staff: Staff, by: By, now: datetime) -> Move:
    """A new award: in approval at the first level that somebody can decide, or approved where there is no level.

    Raises:
        NoApprover: nobody can decide at any level.
    """
    award = Award(
        id=id_,
        nomination=nomination,
        chain=chain,
        state=AwardState.APPROVED,
        level=0,
        approver="",
        deadline=None,
        create_time=now,
        progress=None,
    )
    first = _step(BEFORE_FIRST, Action.NOMINATED, by, now)
    if not chain:
        return Move(award, (first,))
    moved = _turn(award, award.case, staff, 0, now)
    if moved is None:
        raise NoApprover
    return Move(moved.award, (first, *moved.steps))


def approve(award: Award, staff: Staff, by: By, now: datetime) -> Move:
    """The level approves: that decides, or the next one is asked."""
    step = _step(award.level, Action.APPROVED, by, now)
    if award.chain[award.level].suffices(award.nomination.amount):
        return Move(_decided(award, AwardState.APPROVED), (step,))
    case = replace(award.case, decided=award.case.decided | {by.person, by.right_of or by.person})
    return _on(award, case, staff, step, now)


def reject(award: Award, by: By, now: datetime) -> Move:
    """The level rejects, which decides."""
    return Move(_decided(award, AwardState.REJECTED), (_step(award.level, Action.REJECTED, by, now),))


def withdraw(award: Award, by: By, now: datetime) -> Move:
    """The nominator takes it back."""
    return Move(_decided(award, AwardState.WITHDRAWN), (_step(award.level, Action.WITHDRAWN, by, now),))


def overdue(award: Award, staff: Staff, now: datetime) -> Move:
    """The level's time is over. Who may not receive any more is not awarded by the clock."""
    policy = award.chain[award.level].if_overdue
    if policy is IfOverdue.ESCALATE:
        return _on(award, award.case, staff, _step(award.level, Action.ESCALATED, _CLOCK, now), now)
    if policy is IfOverdue.REJECT or not staff.receives(award.nomination.nominee):
        step = _step(award.level, Action.REJECTED_OVERDUE, _CLOCK, now)
        return Move(_decided(award, AwardState.REJECTED), (step,))
    step = _step(award.level, Action.APPROVED_OVERDUE, _CLOCK, now)
    if award.chain[award.level].suffices(award.nomination.amount):
        return Move(_decided(award, AwardState.APPROVED), (step,))
    return _on(award, award.case, staff, step, now)


def require_open(award: Award, now: datetime) -> None:
    """Whether somebody can decide about an award at `now`, or take it back.

    Raises:
        NotInApproval: it is decided.
        ApprovalOverdue: its level's time is over, and what follows from that has not happened yet.
    """
    if award.state is not AwardState.IN_APPROVAL or award.deadline is None:
        raise NotInApproval(award.name, award.state.name)
    if now >= award.deadline:
        raise ApprovalOverdue(award.name, award.deadline.isoformat())


def _on(award: Award, case: Case, staff: Staff, step: Step, now: datetime) -> Move:
    """On to the next level that somebody can decide; where there is none, that rejects. After a manager it is another
    one's turn further up, whether or not the first has decided.
    """
    if award.chain[award.level].approver.kind is ApproverKind.MANAGER:
        staff = staff.above(award.approver)
    moved = _turn(award, case, staff, award.level + 1, now)
    if moved is not None:
        return Move(moved.award, (step, *moved.steps))
    last = _step(len(award.chain) - 1, Action.REJECTED_OVERDUE, _CLOCK, now)
    return Move(_decided(award, AwardState.REJECTED), (step, last))


def _turn(award: Award, case: Case, staff: Staff, first: int, now: datetime) -> Move | None:
    turn = turn_from(case, staff, first)
    if turn is None:
        return None
    passed = tuple(_step(level, Action.PASSED_OVER, _CLOCK, now) for level in turn.passed)
    asked = replace(
        award,
        state=AwardState.IN_APPROVAL,
        level=turn.level,
        approver=turn.approver,
        deadline=now + award.chain[turn.level].deadline,
    )
    return Move(asked, passed)


def _decided(award: Award, state: AwardState) -> Award:
    return replace(award, state=state, approver="", deadline=None)


def _step(level: int, action: Action, by: By, now: datetime) -> Step:
    return Step(level, action, by.person, by.right_of, by.comment, by.actor, now)
