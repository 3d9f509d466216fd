"""Segments: named conditions over what is known of a member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from guerdon_kit.errors import FieldViolation
from membership.domain.conditions import CONDITION_MAX, PURCHASES_NOT_COUNTED, Malformed, Phrase, Subject, activation
from membership.domain.ids import ID_RULE, is_id
from membership.domain.members import Member
from membership.domain.profiles import NOTHING_KNOWN, Profile
from membership.domain.program import Program

SEGMENTS_MAX = 100
"""The most segments of a program that are not archived."""
NAME_LENGTH_MAX = 100
NEVER = -1
"""Stands for an age or a number of days that is not known."""


@dataclass(frozen=True, slots=True)
class SegmentTerms:
    """What a segment says."""

    display_name: str
    condition: str

    @property
    def of_plan(self) -> bool:
        """Whether it looks at the plan that a member holds."""
        return Phrase.of(self.condition, Subject.MEMBER).of_plan

    def holds(self, about: dict[str, int | str | list[str]]) -> bool:
        """Whether whoever this is about is in it."""
        return Phrase.of(self.condition, Subject.MEMBER).holds(activation(about, Subject.MEMBER))


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as stored."""

    segment_id: str
    terms: SegmentTerms
    archived: bool
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class BoughtInYear:
    """What a member bought in a year, less returns; the amount in minor units."""

    year: int
    purchases: int
    spend: int
    last_time: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What segments may look at of a member. `points` are those of this year and of the one before."""

    member: Member
    tier_id: str
    points: tuple[int, int]
    profile: Profile = NOTHING_KNOWN
    bought: tuple[BoughtInYear, ...] = ()
    plan_id: str = ""
    """Of the plan that is held; empty where none is."""


def about(program: Program, known: Known, now: datetime) -> dict[str, int | str | list[str]]:
    """The values of the variables of a segment's condition; see the contract's `Segment`."""
    profile, year = known.profile, program.calendar.year_at(now)
    return {
        "member.tier": known.tier_id,
        "member.plan": known.plan_id,
        "member.year_points": known.points[0],
        "member.last_year_points": known.points[1],
        "member.days": max(0, (now - known.member.enroll_time).days),
        "profile.region_code": profile.region_code,
        "profile.sales_associate": profile.sales_associate,
        "profile.birth_month": profile.birth_date.month if profile.birth_date else 0,
        "profile.age": _age(program, profile, now),
        "profile.has_email": bool(profile.email),
        "profile.has_phone": bool(profile.phone),
        "profile.has_card": bool(profile.cards),
        **_bought("", known.bought),
        **_bought("year_", [one for one in known.bought if one.year == year]),
        **_bought("last_year_", [one for one in known.bought if one.year == year - 1]),
        "purchases.days_since_last": _days_since(known.bought, now),
    }


def _bought(when: str, years: Iterable[BoughtInYear]) -> dict[str, int]:
    every = list(years)
    return {
        f"purchases.{when}count": sum(one.purchases for one in every),
        f"purchases.{when}spend": sum(one.spend for one in every),
    }


def _days_since(years: Iterable[BoughtInYear], now: datetime) -> int:
    last = max((one.last_time for one in years), default=None)
    return NEVER if last is None else max(0, (now - last).days)


def _age(program: Program, profile: Profile, now: datetime) -> int:
    """Whole years, in the program's zone; of one born on 29 February it rises on 1 March in other years."""
    born = profile.birth_date
    if born is None:
        return NEVER
    today = now.astimezone(ZoneInfo(program.time_zone)).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def violations(program: Program, segment_id: str, terms: SegmentTerms) -> Iterator[FieldViolation]:
    """What is wrong with a segment, by the contract's field paths within it."""
    if is_id(segment_id) is None:
        yield FieldViolation("name", f"its id {ID_RULE}")
    if len(terms.display_name) > NAME_LENGTH_MAX or not terms.display_name.isprintable():
        yield FieldViolation("display_name", f"must be at most {NAME_LENGTH_MAX} printable characters")
    if len(terms.condition) > CONDITION_MAX:
        yield FieldViolation("condition", f"must be at most {CONDITION_MAX} characters")
        return
    try:
        phrase = Phrase.of(terms.condition, Subject.MEMBER)
    except Malformed as error:
        yield FieldViolation("condition", str(error))
        return
    if phrase.of_purchases and not program.settings.purchase_statistics:
        yield FieldViolation("condition", PURCHASES_NOT_COUNTED)
