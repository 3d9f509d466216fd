"""Approval chains and their steps, between the contract and the domain."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon.recognition.v1 import approvals_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import timestamp
from recognition.domain.approvals import LEVELS_MAX, Approver, ApproverKind, IfOverdue, Level
from recognition.domain.awards import Action, Step
from recognition.domain.delegations import Delegation
from recognition.domain.people import person_name
from recognition.servicer.naming import person_id
from recognition.servicer.people_messages import ROLE_NUMBERS

_IF_OVERDUE = {
    pb.IF_OVERDUE_UNSPECIFIED: IfOverdue.REJECT,
    pb.IF_OVERDUE_ESCALATE: IfOverdue.ESCALATE,
    pb.IF_OVERDUE_REJECT: IfOverdue.REJECT,
    pb.IF_OVERDUE_APPROVE: IfOverdue.APPROVE,
}
_IF_OVERDUE_NUMBERS = {policy: number for number, policy in _IF_OVERDUE.items()}
ROLES = {number: role for role, number in ROLE_NUMBERS.items()}
"""What a role that was said means; one that was not said is none here."""
_ACTIONS = {action: pb.ApprovalAction.Value(f"APPROVAL_ACTION_{action.name}") for action in Action}


def read_chain(levels: Sequence[pb.ApprovalLevel], organisation: str, field: str) -> tuple[Level, ...]:
    """A chain of this organisation.

    Raises:
        InvalidField: it is too long, or one of its approvers or policies is none.
    """
    if len(levels) > LEVELS_MAX:
        raise InvalidField.of(field, "must be at most 10")
    return tuple(_read_level(level, organisation, f"{field}[{index}]") for index, level in enumerate(levels))


def write_approver(approver: Approver, organisation: str) -> pb.Approver:
    """The contract's approver."""
    if approver.role is not None:
        return pb.Approver(role=ROLE_NUMBERS[approver.role])
    if approver.kind is ApproverKind.PERSON:
        return pb.Approver(person=person_name(organisation, approver.person))
    return pb.Approver(manager=True)


def write_level(level: Level, organisation: str) -> pb.ApprovalLevel:
    """The contract's level."""
    return pb.ApprovalLevel(
        approver=write_approver(level.approver, organisation),
        limit_amount=level.limit,
        deadline_days=level.deadline_days,
        if_overdue=_IF_OVERDUE_NUMBERS[level.if_overdue],
    )


def write_step(step: Step, organisation: str) -> pb.ApprovalStep:
    """The contract's step."""
    return pb.ApprovalStep(
        level=step.level + 1,
        action=_ACTIONS[step.action],
        person=person_name(organisation, step.person) if step.person else "",
        on_behalf_of=person_name(organisation, step.right_of) if step.right_of else "",
        comment=step.comment,
        step_time=timestamp(step.time),
    )


def write_delegation(delegation: Delegation) -> pb.Delegation:
    """The contract's delegation."""
    return pb.Delegation(
        name=delegation.name,
        approver=person_name(delegation.organisation, delegation.approver),
        delegate=person_name(delegation.organisation, delegation.delegate),
        start_time=timestamp(delegation.start_time),
        end_time=timestamp(delegation.end_time),
    )


def read_approver(message: pb.Approver, organisation: str, field: str) -> Approver:
    """Who decides.

    Raises:
        InvalidField: nobody is said, or the role is none.
    """
    kind = message.WhichOneof("kind")
    if kind == "person":
        return Approver(ApproverKind.PERSON, person=person_id(message.person, organisation, f"{field}.person"))
    if kind == "role" and message.role in ROLES:
        return Approver(ApproverKind.ROLE, role=ROLES[message.role])
    if kind == "manager" and message.manager:
        return Approver(ApproverKind.MANAGER)
    raise InvalidField.of(field, "must be a role, a person or the manager")


def _read_level(message: pb.ApprovalLevel, organisation: str, field: str) -> Level:
    policy = _IF_OVERDUE.get(message.if_overdue)
    if policy is None:
        raise InvalidField.of(f"{field}.if_overdue", "must be ESCALATE, REJECT or APPROVE")
    approver = read_approver(message.approver, organisation, f"{field}.approver")
    return Level(approver, message.limit_amount, message.deadline_days, policy)
