"""Whom a reward is for: members of tiers and segments. Which a member is in, the caller says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from guerdon_kit.errors import FieldViolation
from guerdon_kit.names import ID

MAX_GROUPS = 50
_GROUP = re.compile(ID)


@dataclass(frozen=True, slots=True)
class Groups:
    """Tiers and segments: those that a reward is for, or those that a member is in."""

    tiers: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()

    def admits(self, member: Groups) -> bool:
        """Whether a reward for these is for the member: in one of the tiers and in one of the segments, if any."""
        return all(
            not wanted or set(wanted) & set(has)
            for wanted, has in ((self.tiers, member.tiers), (self.segments, member.segments))
        )


def violations(groups: Groups, path: str) -> Iterator[FieldViolation]:
    """Every bound that is broken, by the field's path."""
    for field, ids in (("tiers", groups.tiers), ("segments", groups.segments)):
        if len(ids) > MAX_GROUPS or len(set(ids)) < len(ids):
            yield FieldViolation(f"{path}.{field}", f"must be at most {MAX_GROUPS}, each once")
        elif not all(map(_GROUP.fullmatch, ids)):
            yield FieldViolation(f"{path}.{field}", "must each be an id of 1 to 63 of A-Z a-z 0-9 . _ ~ -")
