"""Who has to say yes to an award, and what happens where nobody does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition.domain import award_moves as moves
from recognition.domain.approvals import (
    Approver,
    ApproverKind,
    IfOverdue,
    Level,
    Staff,
    chain_violations,
    right_of,
    turn_from,
)
from recognition.domain.award_moves import By, Move
from recognition.domain.awards import Action, Award, AwardState, Nomination
from recognition.domain.errors import (
    AlreadyDecided,
    ApprovalOverdue,
    NoApprover,
    NotApprover,
    NotInApproval,
    OwnAward,
)
from recognition.domain.recognitions import Visibility
from recognition.domain.roles import Role, Standing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MANAGER = Approver(ApproverKind.MANAGER)
HR = Approver(ApproverKind.PERSON, person="hr")
ADMINS = Approver(ApproverKind.ROLE, role=Role.ADMIN)
PEOPLE = {
    "nia": Standing(True, Role.GIVER),
    "nora": Standing(True, Role.GIVER),
    "max": Standing(True, Role.MANAGER),
    "mia": Standing(True, Role.MANAGER),
    "hr": Standing(True, Role.GIVER),
    "ada": Standing(True, Role.ADMIN),
    "dee": Standing(True, Role.GIVER),
}
STAFF = Staff(("max", "mia"), PEOPLE)


def level(approver: Approver, limit: int = 0, if_overdue: IfOverdue = IfOverdue.REJECT) -> Level:
    return Level(approver, limit, 7, if_overdue)


CHAIN = (level(MANAGER, 500, IfOverdue.ESCALATE), level(HR, 2000, IfOverdue.ESCALATE), level(ADMINS))


def nominated(
    amount: int = 400, *, nominator: str = "nora", chain: tuple[Level, ...] = CHAIN, staff: Staff = STAFF
) -> Award:
    nomination = Nomination("acme", "spot", nominator, "nia", amount, "", Visibility.PUBLIC)
    return after(moves.nominate("aw-1", nomination, chain, staff, By(nominator, "tester"), NOW))


def after(move: Move) -> Award:
    """The award as it is read once a move is written."""
    return replace(move.award, steps=move.award.steps + move.steps)


def without(person: str) -> Staff:
    return Staff(STAFF.line, {**PEOPLE, person: Standing(False, PEOPLE[person].role)})


def approved(award: Award, person: str, right: str = "") -> Award:
    return after(moves.approve(award, STAFF, By(person, "tester", right), NOW))


@pytest.mark.parametrize(
    ("amount", "deciders"), [(500, ["max"]), (501, ["max", "hr"]), (2000, ["max", "hr"]), (2001, ["max", "hr", "ada"])]
)
def test_up_to_its_limit_a_level_suffices_and_above_it_the_next_is_asked(amount: int, deciders: list[str]) -> None:
    award = nominated(amount)
    for decider in deciders:
        assert award.state is AwardState.IN_APPROVAL
        assert award.approver in (decider, "")
        award = approved(award, decider)
    assert (award.state, award.deadline, award.approver) == (AwardState.APPROVED, None, "")
    assert [step.person for step in award.steps] == ["nora", *deciders]


def test_a_manager_who_nominates_is_not_asked_but_theirs_is() -> None:
    assert nominated(nominator="max").approver == "mia"
    assert nominated(staff=without("max")).approver == "mia"


def test_a_level_that_nobody_can_decide_is_passed_over_and_said() -> None:
    award = nominated(400, nominator="max", staff=Staff(("max",), PEOPLE))
    assert (award.level, award.approver) == (1, "hr")
    assert [(step.level, step.action) for step in award.steps] == [(-1, Action.NOMINATED), (0, Action.PASSED_OVER)]


def test_after_a_manager_who_let_the_time_pass_theirs_is_asked() -> None:
    award = nominated(chain=(level(MANAGER, 500, IfOverdue.ESCALATE), level(MANAGER)))
    escalated = after(moves.overdue(award, STAFF, NOW))
    assert (escalated.level, escalated.approver) == (1, "mia")
    nobody_above = moves.overdue(award, Staff(("max",), PEOPLE), NOW)
    assert nobody_above.award.state is AwardState.REJECTED


def test_where_nobody_can_decide_nobody_is_nominated() -> None:
    with pytest.raises(NoApprover):
        nominated(nominator="hr", chain=(level(HR),))


def test_without_levels_a_nomination_is_the_award() -> None:
    assert nominated(chain=()).state is AwardState.APPROVED


def right(award: Award, person: str, *delegators: str) -> str:
    return right_of(award.case, award.level, award.approver, person, delegators, PEOPLE)


def test_nobody_decides_about_what_they_asked_for_or_would_get_also_not_for_others() -> None:
    award = nominated()
    assert right(award, "max") == "max"
    for own in ("nora", "nia"):
        with pytest.raises(OwnAward):
            right(award, own, "max")
    with pytest.raises(NotApprover):
        right(award, "mia")


def test_a_delegate_decides_by_the_right_of_whoever_named_them() -> None:
    award = nominated(600)
    assert right(award, "dee", "ada", "max") == "max"
    with pytest.raises(NotApprover):
        right(award, "dee", "ada")
    award = approved(award, "dee", "max")
    assert (award.steps[-1].person, award.steps[-1].right_of) == ("dee", "max")


def test_who_decided_at_one_level_does_not_at_another_by_whichever_right() -> None:
    chain = (level(MANAGER, 100), level(Approver(ApproverKind.PERSON, person="max"), 200), level(ADMINS))
    award = approved(nominated(300, chain=chain), "dee", "max")
    assert (award.level, award.steps[-2].person) == (2, "dee")  # max's level is passed over: max had his say
    with pytest.raises(AlreadyDecided):
        right(award, "max", "ada")
    with pytest.raises(AlreadyDecided):
        right(award, "dee", "ada")
    assert right(award, "ada") == "ada"


@pytest.mark.parametrize(
    ("policy", "state", "action"),
    [
        (IfOverdue.REJECT, AwardState.REJECTED, Action.REJECTED_OVERDUE),
        (IfOverdue.APPROVE, AwardState.APPROVED, Action.APPROVED_OVERDUE),
        (IfOverdue.ESCALATE, AwardState.IN_APPROVAL, Action.ESCALATED),
    ],
)
def test_a_deadline_does_what_its_level_says(policy: IfOverdue, state: AwardState, action: Action) -> None:
    chain = (level(MANAGER, 500, policy), level(HR))
    late = NOW + timedelta(days=9)
    award = after(moves.overdue(nominated(chain=chain), STAFF, late))
    assert (award.state, award.steps[-1].action, award.steps[-1].person) == (state, action, "")
    if policy is IfOverdue.ESCALATE:
        assert (award.approver, award.deadline) == ("hr", late + timedelta(days=7))


@pytest.mark.parametrize("standing", [Standing(False, Role.GIVER), Standing(True, Role.OBSERVER)])
def test_the_clock_awards_nobody_who_may_not_receive_any_more(standing: Standing) -> None:
    award = nominated(chain=(level(MANAGER, 0, IfOverdue.APPROVE),))
    staff = Staff(STAFF.line, {**PEOPLE, "nia": standing})
    assert moves.overdue(award, staff, NOW).award.state is AwardState.REJECTED


def test_what_escalates_to_nobody_is_rejected() -> None:
    award = nominated(chain=(level(MANAGER, 500, IfOverdue.ESCALATE), level(HR)))
    moved = moves.overdue(award, without("hr"), NOW)
    assert moved.award.state is AwardState.REJECTED
    assert [step.action for step in moved.steps] == [Action.ESCALATED, Action.REJECTED_OVERDUE]


def test_only_what_is_in_approval_and_in_time_is_decided() -> None:
    award = nominated()
    assert award.deadline == NOW + timedelta(days=7)
    moves.require_open(award, award.deadline - timedelta(microseconds=1))
    with pytest.raises(ApprovalOverdue):
        moves.require_open(award, award.deadline)
    for moved in (moves.reject(award, By("max", ""), NOW), moves.withdraw(award, By("nora", ""), NOW)):
        with pytest.raises(NotInApproval):
            moves.require_open(after(moved), NOW)


@pytest.mark.parametrize(
    ("chain", "fields"),
    [
        (CHAIN, []),
        ((), []),
        ((level(MANAGER, 500), level(HR, 500), level(ADMINS)), ["levels[1].limit_amount"]),
        ((level(MANAGER), level(HR)), ["levels[0].limit_amount"]),
        ((level(MANAGER, 999),), ["levels[0].limit_amount"]),
        ((level(MANAGER, 0, IfOverdue.ESCALATE),), ["levels[0].if_overdue"]),
        ((level(Approver(ApproverKind.ROLE, role=Role.GIVER)),), ["levels[0].approver.role"]),
        ((Level(HR, 0, 91, IfOverdue.REJECT),), ["levels[0].deadline_days"]),
        (tuple(level(HR, number) for number in range(1, 12)), ["levels"]),
    ],
)
def test_a_chain_ends_with_a_level_that_suffices(chain: tuple[Level, ...], fields: list[str]) -> None:
    assert [violation.field for violation in chain_violations("levels", chain, 1000)] == fields


@given(
    amount=st.integers(1, 5000),
    active=st.sets(st.sampled_from(sorted(PEOPLE))),
    says=st.lists(st.sampled_from(["approve", "overdue"]), max_size=6),
)
def test_nobody_with_a_part_in_it_is_ever_asked(amount: int, active: set[str], says: list[str]) -> None:
    staff = Staff(("max", "mia"), {id_: Standing(id_ in active, who.role) for id_, who in PEOPLE.items()})
    try:
        award = nominated(amount, nominator="max", staff=staff)
    except NoApprover:
        return
    for said in says:
        if award.state is not AwardState.IN_APPROVAL:
            break
        turn = turn_from(award.case, staff, award.level)
        assert turn is not None
        assert turn.approver not in {"max", "nia", *award.case.decided}
        decider = turn.approver or "ada"
        assert decider in active
        move = moves.approve(award, staff, By(decider, ""), NOW) if said == "approve" else None
        before, award = award, after(move or moves.overdue(award, staff, NOW))
        assert award.state is not AwardState.IN_APPROVAL or award.level > before.level
