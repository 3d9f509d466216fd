"""Award programs and awards, as the contract has them."""

from __future__ import annotations

from guerdon.recognition.v1 import award_programs_pb2, recognition_pb2
from guerdon.recognition.v1 import awards_pb2 as pb
from guerdon_kit.grpc.messages import timestamp
from recognition.domain.award_budgets import budget_name
from recognition.domain.awards import Award, AwardProgram, AwardState, program_name
from recognition.domain.payouts import PayoutState
from recognition.domain.people import person_name
from recognition.domain.recognitions import Visibility
from recognition.servicer.approvals import write_level, write_step
from recognition.servicer.payouts import write_payout
from recognition.servicer.people_messages import ROLE_NUMBERS

AWARD_PROGRAM = "organisations/{organisation}/awardPrograms/{award_program}"

_STATES = {
    AwardState.IN_APPROVAL: pb.AWARD_STATE_IN_APPROVAL,
    AwardState.REJECTED: pb.AWARD_STATE_REJECTED,
    AwardState.WITHDRAWN: pb.AWARD_STATE_WITHDRAWN,
}
_APPROVED_STATES = {
    PayoutState.PENDING: pb.AWARD_STATE_APPROVED,
    PayoutState.WAITING: pb.AWARD_STATE_WAITING_FOR_BUDGET,
    PayoutState.PAID: pb.AWARD_STATE_GIVEN,
    PayoutState.REFUSED: pb.AWARD_STATE_REFUSED,
}


def write_program(program: AwardProgram) -> award_programs_pb2.AwardProgram:
    """The contract's award program."""
    return award_programs_pb2.AwardProgram(
        name=program.name,
        display_name=program.display_name,
        award_budget=budget_name(program.organisation, program.budget),
        amount_min=program.amount_min,
        amount_max=program.amount_max,
        nominators=[ROLE_NUMBERS[role] for role in program.nominators],
        own_reports_only=program.own_reports_only,
        levels=[write_level(level, program.organisation) for level in program.chain],
        closed=program.closed,
        create_time=timestamp(program.create_time),
    )


def write_award(award: Award) -> pb.Award:
    """The contract's award. What was decided says its payout on."""
    nomination = award.nomination
    organisation = nomination.organisation
    state = _APPROVED_STATES[award.progress.state] if award.progress else _STATES[award.state]
    in_approval = award.state is AwardState.IN_APPROVAL
    public = nomination.visibility is Visibility.PUBLIC
    return pb.Award(
        name=award.name,
        award_program=program_name(organisation, nomination.program),
        nominator=person_name(organisation, nomination.nominator),
        nominee=person_name(organisation, nomination.nominee),
        amount=nomination.amount,
        reason=nomination.reason,
        visibility=recognition_pb2.VISIBILITY_PUBLIC if public else recognition_pb2.VISIBILITY_PRIVATE,
        state=state,
        level=award.level + 1 if in_approval else 0,
        approver=person_name(organisation, award.approver) if award.approver else "",
        deadline=timestamp(award.deadline) if award.deadline else None,
        steps=[write_step(step, organisation) for step in award.steps],
        payout=write_payout(award.progress) if award.progress else None,
        create_time=timestamp(award.create_time),
    )
