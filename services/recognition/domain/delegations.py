"""Delegations: who decides in whose stead, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.errors import FieldViolation, InvalidField

SPAN_MAX = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Delegation:
    """From `start_time` up to `end_time`, `delegate` decides by the right of `approver`; both are ids of people."""

    organisation: str
    id: str
    approver: str
    delegate: str
    start_time: datetime
    end_time: datetime
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.organisation}/delegations/{self.id}"

    def check(self) -> None:
        """Whether there can be such a delegation.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        found = []
        if self.delegate == self.approver:
            found.append(FieldViolation("delegation.delegate", "must be another person than the approver"))
        if not self.start_time < self.end_time <= self.start_time + SPAN_MAX:
            found.append(FieldViolation("delegation.end_time", "must be after the start, at most 366 days"))
        if found:
            raise InvalidField(found)


@dataclass(frozen=True, slots=True)
class WantedDelegations:
    """What of a list of delegations is asked for; what is None is not asked. `viewer` is one of the two; `not_ended_at`
    is before its end. The people are ids.
    """

    viewer: str | None = None
    approver: str | None = None
    delegate: str | None = None
    not_ended_at: datetime | None = None
