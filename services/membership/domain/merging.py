"""Two memberships of one person become one: what is kept of both, and what the ledger is asked for step by step."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum

from membership.domain.accounts import wallet_id
from membership.domain.errors import TooManyCards
from membership.domain.members import Member
from membership.domain.profiles import CARDS_MAX, Profile, card_key
from membership.domain.program import Program


class Part(IntEnum):
    """What one step moves. The values are stored."""

    AVAILABLE = 1
    PENDING = 2
    DEBT = 3
    """The survivor pays it, or owes it then."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is asked of the ledger; `points` are above 0."""

    number: int
    part: Part
    points: int
    unit: str = ""
    """Of the wallets that it is moved between; empty for points."""


@dataclass(frozen=True, slots=True)
class Remains:
    """What an account that was merged still has. `available` is below zero by what is owed."""

    available: int
    pending: int
    debt: int
    held: int


@dataclass(frozen=True, slots=True)
class Merge:
    """A member, and the one who stands for it. `step` is the one whose outcome is not known, if any."""

    program: Program
    member: Member
    into: Member
    actor: str
    reverses_welcome: bool
    last_step: int
    step: Step | None
    done: bool

    @property
    def request_id(self) -> str:
        """The id of the ledger's request for the last step: the same whoever asks. Where the survivor was merged too
        since the step was begun, it is another request: one of the two finds nothing to move.
        """
        return f"m-{self.member.member_no}-{self.into.member_no}-{self.last_step}"

    def accounts(self, unit: str) -> tuple[str, str]:
        """The ids of the old account and of the survivor's: of their wallets of a unit, unless it is empty."""
        if not unit:
            return self.member.account_id, self.into.account_id
        return wallet_id(self.member.member_id, unit), wallet_id(self.into.member_id, unit)

    @property
    def welcome_request_ids(self) -> tuple[str, str]:
        """The ids of the ledger's requests that reverse the welcome bonus, and what is left of it."""
        return f"d-{self.member.member_no}", f"l-{self.member.member_no}"


def next_step(remains: Remains, number: int, unit: str = "") -> Step | None:
    """What is moved next, a debt first; None where nothing is left that can be moved."""
    if remains.debt:
        return Step(number, Part.DEBT, remains.debt, unit)
    if remains.available > 0:
        return Step(number, Part.AVAILABLE, remains.available, unit)
    if remains.pending:
        return Step(number, Part.PENDING, remains.pending, unit)
    return None


def merged_profile(survivor: Profile, other: Profile) -> Profile:
    """What is known of both: all cards; else what is known of the survivor, or of the other where nothing is.

    Raises:
        TooManyCards: they are more than one member may have.
    """
    have = {card_key(card) for card in survivor.cards}
    cards = survivor.cards + tuple(card for card in other.cards if card_key(card) not in have)
    if len(cards) > CARDS_MAX:
        raise TooManyCards(len(cards), CARDS_MAX)
    filled = {one.name: getattr(survivor, one.name) or getattr(other, one.name) for one in fields(Profile)}
    return replace(survivor, **filled | {"cards": cards})
