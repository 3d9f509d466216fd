"""Add-ons: others give points onto the same recognition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.errors import SelfGiving
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.people import person_name
from recognition.domain.recognitions import RECEIVERS_MAX, Draft

GIFTS_MAX = 1000
"""From one person to one other each, in one recognition: what ends it takes all of them back."""


@dataclass(frozen=True, slots=True)
class AddOn:
    """`amount` points from `giver` to each of `receivers`, all ids of people. Stored, it has an id and a time."""

    giver: str
    receivers: tuple[str, ...]
    amount: int
    id: str = ""
    create_time: datetime | None = None

    def checked(self, onto: Draft) -> AddOn:
        """The add-on onto that recognition, with all of its receivers but the giver where none is named.

        Raises:
            InvalidField: with every field that is out of its bounds.
            SelfGiving: the giver is among the receivers, or the only one.
        """
        receivers = self.receivers or tuple(one for one in onto.receivers if one != self.giver)
        violations = []
        if len(receivers) > RECEIVERS_MAX:
            violations.append(FieldViolation("add_on.receivers", "must be at most 100"))
        for index, receiver in enumerate(receivers[:RECEIVERS_MAX]):
            field = f"add_on.receivers[{index}]"
            if receiver not in onto.receivers:
                violations.append(FieldViolation(field, "is not one of the recognition's receivers"))
            elif receiver in receivers[:index]:
                violations.append(FieldViolation(field, "is there twice"))
        if self.amount < 1 or self.amount * len(receivers) > POINTS_MAX:
            violations.append(FieldViolation("add_on.amount", "must be at least 1, and all together at most 2^53"))
        if violations:
            raise InvalidField(violations)
        if not receivers or self.giver in receivers:
            raise SelfGiving(person_name(onto.organisation, self.giver))
        return AddOn(self.giver, receivers, self.amount)
