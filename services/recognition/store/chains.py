"""Approval chains, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from recognition.domain.approvals import Approver, ApproverKind, IfOverdue, Level
from recognition.domain.roles import Role


def write_chain(chain: Sequence[Level]) -> str:
    """A chain as it is stored."""
    return json.dumps(
        [
            {
                "kind": level.approver.kind.value,
                "person": level.approver.person,
                "role": level.approver.role.value if level.approver.role else None,
                "limit": level.limit,
                "deadline_days": level.deadline_days,
                "if_overdue": level.if_overdue.value,
            }
            for level in chain
        ]
    )


def read_chain(stored: str) -> tuple[Level, ...]:
    """A stored chain."""
    return tuple(
        Level(
            approver=Approver(
                kind=ApproverKind(level["kind"]),
                person=level["person"],
                role=Role(level["role"]) if level["role"] else None,
            ),
            limit=level["limit"],
            deadline_days=level["deadline_days"],
            if_overdue=IfOverdue(level["if_overdue"]),
        )
        for level in json.loads(stored)
    )
