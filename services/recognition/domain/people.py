"""Who takes part, and which accounts of the ledger are theirs."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from guerdon_kit.errors import DomainError, FieldViolation, InvalidField, NotFound
from recognition.domain.errors import IdentityTaken, ManagerCycle, UserNameTaken
from recognition.domain.profiles import Profile

BATCH_MAX = 1000


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to add: the id within the organisation, and what is known of them."""

    organisation: str
    id: str
    profile: Profile

    @property
    def name(self) -> str:
        """The resource name."""
        return person_name(self.organisation, self.id)

    @property
    def allowance_account_id(self) -> str:
        """The id of the ledger's account of what they may give."""
        return account_id("allowance", self.name)

    @property
    def rewards_account_id(self) -> str:
        """The id of the ledger's account of what they received."""
        return account_id("rewards", self.name)


@dataclass(frozen=True, slots=True)
class ActiveSpan:
    """A time in which a person took part; without an end it goes on."""

    start_time: datetime
    end_time: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """A person as stored; the accounts are ids within the organisation's program. Of the times in which they took part
    the newest are told, earliest first.
    """

    organisation: str
    id: str
    profile: Profile
    active: bool
    spans: tuple[ActiveSpan, ...]
    program: str
    allowance_account_id: str
    rewards_account_id: str
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return person_name(self.organisation, self.id)

    @property
    def allowance_account(self) -> str:
        """The ledger's account of what they may give."""
        return f"programs/{self.program}/accounts/{self.allowance_account_id}"

    @property
    def rewards_account(self) -> str:
        """The ledger's account of what they received."""
        return f"programs/{self.program}/accounts/{self.rewards_account_id}"


def person_name(organisation: str, person: str) -> str:
    """The resource name of a person."""
    return f"organisations/{organisation}/people/{person}"


def account_id(kind: str, owner: str) -> str:
    """The same id whenever it is asked for: accounts are made before the person is stored, and a crash between the
    two must find them again. Derived from the whole name, so that organisations that share a program share no
    account, and short enough for the ledger whatever the ids.
    """
    digest = blake2b(owner.encode(), digest_size=16, person=b"guerdon-account").digest()
    return f"{kind}-{b32encode(digest).decode().rstrip('=').lower()}"


def check_people(people: Sequence[NewPerson], field: str) -> None:
    """Whether these people can be added together; `field` is a template over `index`, such as `people[{index}]`.

    Raises:
        InvalidField: with every field that is out of its bounds, and every person named twice.
        IdentityTaken, UserNameTaken: two of them have the same.
        ManagerCycle: somebody would report to themselves.
    """
    violations: list[FieldViolation] = []
    seen: set[str] = set()
    for index, person in enumerate(people):
        path = field.format(index=index)
        violations += person.profile.violations(path)
        if person.id in seen:
            violations.append(FieldViolation(f"{path}.name", "is there twice"))
        seen.add(person.id)
    if violations:
        raise InvalidField(violations)
    identities: set[str] = set()
    user_names: set[str] = set()
    for person in people:
        identity, user_name = person.profile.identity, person.profile.user_name.lower()
        if identity and identity in identities:
            raise IdentityTaken(person.name)
        if user_name and user_name in user_names:
            raise UserNameTaken(person.name)
        identities.add(identity)
        user_names.add(user_name)
    _check_cycles(people)


def rows_wrong(people: Sequence[NewPerson]) -> dict[int, DomainError]:
    """What is wrong with people who are imported together, as far as they say it themselves, by their places."""
    wrong: dict[int, DomainError] = {}
    seen: set[str] = set()
    for place, person in enumerate(people):
        violations = person.profile.violations("person")
        if person.id in seen:
            violations.append(FieldViolation("person.name", "is there twice"))
        if violations:
            wrong[place] = InvalidField(violations)
        seen.add(person.id)
    if not wrong:
        places = {person.name: place for place, person in enumerate(people)}
        try:
            check_people(people, "people[{index}]")
        except (IdentityTaken, UserNameTaken, ManagerCycle) as refusal:
            wrong[places[refusal.metadata["person"]]] = refusal
    return wrong


def changed_fields(had: Profile, asked: Profile, fields: Collection[str]) -> dict[str, Any]:
    """Those of the fields that are not as asked for; teams come in no order."""
    changes = {name: getattr(asked, name) for name in fields if getattr(had, name) != getattr(asked, name)}
    if "teams" in changes and set(had.teams) == set(asked.teams):
        del changes["teams"]
    return changes


def _check_cycles(people: Sequence[NewPerson]) -> None:
    """Nobody who exists reports to somebody who is new: all of a circle would have to be among these."""
    managers = {person.id: person.profile.manager for person in people}
    sound: set[str] = {""}
    for person in people:
        way: set[str] = set()
        current = person.id
        while current in managers and current not in sound:
            if current in way:
                raise ManagerCycle(person.name)
            way.add(current)
            current = managers[current]
        sound |= way


def check_manager(organisation: str, person: str, manager: str, above: Mapping[str, str]) -> None:
    """Whether `person` may report to `manager`, to whom and to those above whom they report as `above` says.

    Raises:
        NotFound: there is no such manager.
        ManagerCycle: the manager reports to the person, near or far.
    """
    if manager not in above:
        raise NotFound(person_name(organisation, manager))
    if person in above:
        raise ManagerCycle(person_name(organisation, person))


def require_all(organisation: str, kind: str, wanted: Collection[str], found: Collection[str]) -> None:
    """Whether all that are wanted are there: things of one kind, such as `teams`, by id.

    Raises:
        NotFound: one of them is not.
    """
    missing = next((one for one in wanted if one not in found), None)
    if missing is not None:
        raise NotFound(f"organisations/{organisation}/{kind}/{missing}")
