"""Giving: who may give what to whom, and who sees it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.errors import SelfGiving
from recognition.domain.organisations import POINTS_MAX, VALUE_LENGTH_MAX, Organisation
from recognition.domain.people import person_name
from recognition.domain.texts import text_violations

RECEIVERS_MAX = 100  # a transaction of the ledger has at most 100 postings
MESSAGE_LENGTH_MAX = 2000
VALUES_MAX = 10
TEAMS_MAX = 10
QUERY_LENGTH_MAX = 200


class Visibility(Enum):
    """Who sees a recognition. Stored by value."""

    PUBLIC = "public"
    """Everyone who may read the feed."""
    TEAM = "team"
    """The giver, the receivers, and who is in one of its teams."""
    PRIVATE = "private"
    """The giver and the receivers."""


class State(Enum):
    """How far a recognition is. Stored by value; only POSTED ones are seen."""

    PENDING = "pending"
    """Taken in; whether the points have moved is for the ledger to say."""
    POSTED = "posted"
    """The points have moved."""
    REFUSED = "refused"
    """The ledger refused, and nothing has moved. Final."""
    DELETING = "deleting"
    """It is gone for all to see; what is to be taken back is on its way."""
    DELETED = "deleted"
    """What was left has been taken back. Final."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a feed is asked for; what is None is not asked. `person` gave or received; `since` is the first instant,
    `until` the first one after it. `person` goes with neither `giver` nor `receiver`. `words` are all in the message.
    """

    value: str | None = None
    person: str | None = None
    giver: str | None = None
    receiver: str | None = None
    team: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str | None = None

    def check(self) -> None:
        """Raises InvalidField where the value, the people or the words are not such as can be asked for."""
        value, words = self.value, self.words
        if value is not None and (len(value) > VALUE_LENGTH_MAX or not value.isprintable()):
            raise InvalidField.of("value", "is not one that an organisation can have")
        if self.person is not None and (self.giver, self.receiver) != (None, None):
            raise InvalidField.of("person", "goes with neither giver nor receiver")
        if words is None:
            return
        if len(words) > QUERY_LENGTH_MAX or not words.isprintable():
            raise InvalidField.of("query", f"must be at most {QUERY_LENGTH_MAX} printable characters")
        if not any(map(str.isalnum, words)):
            raise InvalidField.of("query", "must have a letter or a digit")


@dataclass(frozen=True, slots=True)
class Draft:
    """A recognition to give: `amount` points from `giver` to each of `receivers`, all ids of people. `teams` are those
    that it is said to; empty: those of the receivers.
    """

    organisation: str
    giver: str
    receivers: tuple[str, ...]
    amount: int
    message: str
    values: tuple[str, ...]
    visibility: Visibility
    teams: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    """People whom the message mentions, receivers or not."""

    @property
    def total(self) -> int:
        """What the giver's allowance is debited, at once or not at all."""
        return self.amount * len(self.receivers)

    def check(self, organisation: Organisation) -> None:
        """Whether this may be given in `organisation`, allowance and people's states aside.

        Raises:
            InvalidField: with every field that is out of its bounds.
            SelfGiving: the giver is among the receivers. No policy allows that.
        """
        violations = self._violations(organisation)
        if violations:
            raise InvalidField(violations)
        if self.giver in self.receivers:
            raise SelfGiving(person_name(self.organisation, self.giver))

    def _violations(self, organisation: Organisation) -> list[FieldViolation]:
        found = []
        if not 1 <= len(self.receivers) <= RECEIVERS_MAX:
            found.append(FieldViolation("recognition.receivers", "must be 1 to 100"))
        found += [
            FieldViolation(f"recognition.receivers[{index}]", "is there twice")
            for index, receiver in enumerate(self.receivers[:RECEIVERS_MAX])
            if receiver in self.receivers[:index]
        ]
        if self.amount < 1 or self.total > POINTS_MAX:
            found.append(FieldViolation("recognition.amount", "must be at least 1, and all together at most 2^53"))
        if not self.message:
            found.append(FieldViolation("recognition.message", "is required"))
        found += text_violations("recognition.message", self.message, MESSAGE_LENGTH_MAX)
        if len(self.teams) > TEAMS_MAX:
            found.append(FieldViolation("recognition.teams", f"must be at most {TEAMS_MAX}"))
        if len(self.values) > VALUES_MAX:
            found.append(FieldViolation("recognition.values", "must be at most 10"))
        for index, value in enumerate(self.values[:VALUES_MAX]):
            field = f"recognition.values[{index}]"
            if value not in organisation.values:
                found.append(FieldViolation(field, "is not one of the organisation's values"))
            elif value in self.values[:index]:
                found.append(FieldViolation(field, "is there twice"))
        return found


@dataclass(frozen=True, slots=True)
class Recognition:
    """A recognition as stored. `transactions` are the ledger's that moved its points, one for each receiver; `teams`
    those that it was said to.
    """

    id: str
    draft: Draft
    state: State
    actor: str
    create_time: datetime
    transactions: tuple[str, ...]
    edit_time: datetime | None = None
    teams: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.draft.organisation}/recognitions/{self.id}"

    @property
    def public(self) -> bool:
        """Whether everyone who reads the feed sees it, and an event tells of it."""
        return self.draft.visibility is Visibility.PUBLIC

    def seen_by(self, viewer: str | None, teams: Collection[str] = ()) -> bool:
        """Whether `viewer` (a person's id; None: nobody of the organisation), who is in `teams`, sees it."""
        if self.state is not State.POSTED:
            return False
        if self.public or viewer == self.draft.giver or viewer in self.draft.receivers:
            return True
        return self.draft.visibility is Visibility.TEAM and not set(self.teams).isdisjoint(teams)
