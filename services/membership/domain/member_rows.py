"""Members as they come in from a file, the bounds each row must keep, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from guerdon_kit.errors import DomainError, FieldViolation, InvalidField
from membership.domain.endings import ended
from membership.domain.errors import ContactTaken
from membership.domain.ids import MEMBER_ID_RULE, is_member_id
from membership.domain.members import Member
from membership.domain.profiles import NOTHING_KNOWN, Contact, Profile, check, fields_of
from membership.domain.program import Program

MALFORMED_US = -1
"""The time of a row that has one which is none."""


class MemberRow(NamedTuple):
    """A member as it came in. `enroll_us` is in microseconds since 1970, None where no time was given."""

    place: int
    """Its place among the rows it came with, from 0."""
    member_id: str
    enroll_us: int | None
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of rows; `refused` by their places."""

    new: list[MemberRow] = field(default_factory=list)
    changed: dict[int, Profile] = field(default_factory=dict)
    """The profiles of members of before that change, by their numbers."""
    unchanged: list[str] = field(default_factory=list)
    refused: dict[int, DomainError] = field(default_factory=dict)


def sort_out(rows: Iterable[MemberRow], latest_us: int, today: date) -> tuple[list[MemberRow], dict[int, InvalidField]]:
    """The rows within their bounds, with their profiles as they are kept; for the others, by place, what is wrong."""
    good: list[MemberRow] = []
    wrong: dict[int, InvalidField] = {}
    seen: set[str] = set()
    for row in rows:
        violations = []
        if not is_member_id(row.member_id):
            violations.append(FieldViolation("member_id", MEMBER_ID_RULE))
        elif row.member_id in seen:
            violations.append(FieldViolation("member_id", "must be once in a chunk"))
        if row.enroll_us is not None and not 0 <= row.enroll_us <= latest_us:
            violations.append(FieldViolation("enroll_time", "must be between 1970 and five minutes from now"))
        profile = None
        try:
            profile = None if row.profile is None else check(row.profile, today)
        except InvalidField as error:
            violations += error.within("profile").violations
        if violations:
            wrong[row.place] = InvalidField(violations)
        else:
            seen.add(row.member_id)
            good.append(row._replace(profile=profile))
    return good, wrong


def decide(
    program: Program,
    rows: Sequence[MemberRow],
    members: Mapping[str, Member],
    known: Mapping[int, Profile],
    owners: Mapping[Contact, int],
) -> Decided:
    """What becomes of rows within their bounds.

    `members` are those of before, by id, `known` their profiles by number, and `owners` tells which members, by
    number, have the rows' contacts. Of two rows that want the same contact the first has it.
    """
    decided = Decided()
    wanted: set[Contact] = set()
    for row in rows:
        member = members.get(row.member_id)
        contacts = row.profile.contacts() if row.profile else frozenset()
        number = member.member_no if member else None
        taken = [one for one in contacts if one in wanted or owners.get(one, number) != number]
        why = ended(program, member) if member else None
        if why is not None:
            decided.refused[row.place] = why
        elif taken:
            decided.refused[row.place] = ContactTaken(fields_of(taken))
        elif member is None:
            decided.new.append(row)
        elif row.profile is None or row.profile == known.get(member.member_no, NOTHING_KNOWN):
            decided.unchanged.append(row.member_id)
        else:
            decided.changed[member.member_no] = row.profile
        if row.place not in decided.refused:
            wanted |= contacts
    return decided
