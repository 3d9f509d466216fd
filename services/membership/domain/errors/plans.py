"""What paid membership refuses."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class PlanArchived(DomainError):
    """The plan is archived: it is not sold and does not change any more."""

    reason = "PLAN_ARCHIVED"
    status = Status.FAILED_PRECONDITION
    message = "{plan} is archived."

    def __init__(self, plan: str) -> None:
        super().__init__(plan=plan)


class PlanNotHeld(DomainError):
    """The member holds no plan of paid membership. It may buy one."""

    reason = "PLAN_NOT_HELD"
    status = Status.FAILED_PRECONDITION
    message = "{member} holds no plan."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class TooManyPeriods(DomainError):
    """The member has bought as many periods of plans ahead as it can. It passes."""

    reason = "TOO_MANY_PERIODS"
    status = Status.RESOURCE_EXHAUSTED
    message = "{member} has {limit} periods of plans that have not ended, and cannot have more."

    def __init__(self, member: str, limit: int) -> None:
        super().__init__(member=member, limit=limit)
