"""Who takes part, and which accounts of the ledger are theirs."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.errors import IdentityTaken
from recognition.domain.texts import text_violations

NAME_LENGTH_MAX = 200
IDENTITY_LENGTH_MAX = 400
BATCH_MAX = 1000


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to add: the id within the organisation, what colleagues call them, and who acts as them
    (`issuer|subject`; empty: nobody).
    """

    organisation: str
    id: str
    display_name: str
    identity: str

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
class Person:
    """A person as stored; the accounts are ids within the organisation's program."""

    organisation: str
    id: str
    display_name: str
    identity: str
    active: bool
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
        IdentityTaken: two of them have one identity.
    """
    violations = []
    seen: set[str] = set()
    identities: set[str] = set()
    for index, person in enumerate(people):
        path = field.format(index=index)
        violations += text_violations(f"{path}.display_name", person.display_name, NAME_LENGTH_MAX)
        violations += text_violations(f"{path}.identity", person.identity, IDENTITY_LENGTH_MAX)
        if person.identity and "|" not in person.identity:
            violations.append(FieldViolation(f"{path}.identity", "must be a token's issuer, a | and its subject"))
        if person.id in seen:
            violations.append(FieldViolation(f"{path}.name", "is there twice"))
        seen.add(person.id)
    if violations:
        raise InvalidField(violations)
    for person in people:
        if person.identity in identities:
            raise IdentityTaken(person.name)
        if person.identity:
            identities.add(person.identity)
