"""How memberships end, and what the ledger is still asked for then."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from guerdon_kit.errors import DomainError
from membership.domain.errors import MemberClosed, MemberErased, MemberMerged
from membership.domain.members import Ended, Member
from membership.domain.program import Program


class Errand(IntEnum):
    """What the ledger is asked for. The values are stored."""

    CLOSE = 1
    ERASE_TEXTS = 2


@dataclass(frozen=True, slots=True)
class Left:
    """What an account that cannot be closed still has and owes."""

    posted: int
    held: int
    pending: int
    debt: int
    unit: str = ""
    """Of the wallet that it is in; empty for points."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A membership's ending as far as the ledger has to do with it. `left` is set where a closing was refused."""

    ending_no: int
    program: Program
    member: Member
    errand: Errand
    actor: str
    left: Left | None

    @property
    def request_id(self) -> str:
        """The id of the ledger's request: the same whoever asks, and another for each ending."""
        return f"{'c' if self.errand is Errand.CLOSE else 'e'}-{self.ending_no}"


def ended(program: Program, member: Member) -> DomainError | None:
    """Why nothing can be recorded for a member any more; None for one that is alive."""
    if member.ended is None:
        return None
    name = f"{program.name}/members/{member.member_id}"
    return _ENDED[member.ended](name)


_ENDED = {Ended.CLOSED: MemberClosed, Ended.ERASED: MemberErased, Ended.MERGED: MemberMerged}
