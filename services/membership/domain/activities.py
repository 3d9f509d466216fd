"""Activities: what members do besides buying, and what it brings them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import FieldViolation
from membership.domain.bonuses import POINTS_MAX
from membership.domain.calendar import ExpiryPolicy
from membership.domain.purchases import State

CAP_MAX = 10**6
COOLDOWN_MAX = timedelta(days=366)
NAME_LENGTH_MAX = 200
ATTRIBUTES_MAX = 20
VALUE_LENGTH_MAX = 200
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Occasion(IntEnum):
    """A day that comes once a year, for each member on its own. The values are stored."""

    BIRTHDAY = 1
    ENROLLMENT_ANNIVERSARY = 2


class Withheld(IntEnum):
    """Why an activity brings nothing. The values are stored."""

    DAY_CAP = 1
    WEEK_CAP = 2
    MONTH_CAP = 3
    TOTAL_CAP = 4
    COOLDOWN = 5


@dataclass(frozen=True, slots=True)
class ActivityTerms:
    """What an activity of a type brings: the points, how many of a member's bring them in a day, a week, a month and
    in all (None: every one), and how far apart these are at least. `expiry` of None is the program's.
    """

    display_name: str
    points: int
    day_cap: int | None = None
    week_cap: int | None = None
    month_cap: int | None = None
    total_cap: int | None = None
    cooldown: timedelta | None = None
    expiry: ExpiryPolicy | None = None


@dataclass(frozen=True, slots=True)
class ActivityType:
    """A type of activity, with the terms of its newest version."""

    type_id: str
    occasion: Occasion | None
    version: int
    terms: ActivityTerms
    archived: bool
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """An activity as it came in."""

    activity_id: str
    member_id: str
    type_id: str
    event_time: datetime
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an activity brings: points, or nothing, why, and from when on another one would bring something."""

    points: int
    withheld: Withheld | None = None
    again_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity as recorded, or as it would be; `state` is that of its bonus, None where there is none."""

    asked: Asked
    version: int
    terms: ActivityTerms
    judgement: Judgement
    record_time: datetime
    expire_time: datetime | None
    state: State | None
    given_as: str | None = None
    """The id of its bonus, where that was given because another activity came late."""

    @property
    def bonus_id(self) -> str:
        """The id of what it gives."""
        return self.given_as or f"a-{self.asked.activity_id}"


@dataclass(frozen=True, slots=True)
class Spans:
    """The day, the week from Monday and the month of a moment in some zone, each from its first instant to the next."""

    day: tuple[datetime, datetime]
    week: tuple[datetime, datetime]
    month: tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Past:
    """A member's awarded activities of a type, whenever they arrived: how many in the spans of a moment and in all,
    and the times of the last one up to that moment and of the first one after it.
    """

    day: int
    week: int
    month: int
    total: int
    before: datetime | None
    after: datetime | None


def spans(moment: datetime, time_zone: str) -> Spans:
    """The spans that a moment lies in."""
    zone = ZoneInfo(time_zone)
    day = moment.astimezone(zone).date()
    monday, first = day - timedelta(days=day.weekday()), day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)

    def between(start: date, end: date) -> tuple[datetime, datetime]:
        return first_instant(start, zone), first_instant(end, zone)

    return Spans(
        between(day, day + timedelta(days=1)), between(monday, monday + timedelta(days=7)), between(first, following)
    )


def judge(terms: ActivityTerms, event_time: datetime, within: Spans, past: Past) -> Judgement:
    """What an activity at `event_time` brings, after what was awarded before it arrived.

    Of several reasons against it the one that lasts longest is told, as a rule: in all, month, week, day, cooldown.
    """
    capped = (
        (Withheld.TOTAL_CAP, terms.total_cap, past.total, None),
        (Withheld.MONTH_CAP, terms.month_cap, past.month, within.month[1]),
        (Withheld.WEEK_CAP, terms.week_cap, past.week, within.week[1]),
        (Withheld.DAY_CAP, terms.day_cap, past.day, within.day[1]),
    )
    for why, cap, used, again_time in capped:
        if cap is not None and used >= cap:
            return Judgement(0, why, again_time)
    if terms.cooldown is not None:
        for other in (past.after, past.before):
            if other is not None and abs(event_time - other) < terms.cooldown:
                return Judgement(0, Withheld.COOLDOWN, other + terms.cooldown)
    return Judgement(terms.points)


def explain(terms: ActivityTerms, judgement: Judgement) -> str:
    """The judgement in words, for people."""
    caps = {
        Withheld.DAY_CAP: (terms.day_cap, "on this day"),
        Withheld.WEEK_CAP: (terms.week_cap, "in this week"),
        Withheld.MONTH_CAP: (terms.month_cap, "in this month"),
        Withheld.TOTAL_CAP: (terms.total_cap, "in all"),
    }
    if judgement.withheld is None:
        return f"{judgement.points} points for {terms.display_name}"
    if judgement.withheld is Withheld.COOLDOWN:
        return f"0 points: one was awarded less than {terms.cooldown} away"
    cap, when = caps[judgement.withheld]
    return f"0 points: {cap} {when} are awarded already"


def same_day(day: date) -> list[tuple[int, int]]:
    """The months and days that are celebrated on `day`: its own, and 29 February on the 28th where a year has none."""
    own = [(day.month, day.day)]
    return [*own, (2, 29)] if own == [(2, 28)] and (day + timedelta(days=1)).month == 3 else own


def violations(terms: ActivityTerms, occasion: Occasion | None) -> Iterator[FieldViolation]:
    """What is wrong with a type's terms, by the contract's field paths within an activity type."""
    if not terms.display_name or len(terms.display_name) > NAME_LENGTH_MAX or not terms.display_name.isprintable():
        yield FieldViolation("display_name", f"must be 1 to {NAME_LENGTH_MAX} printable characters")
    if not 1 <= terms.points <= POINTS_MAX:
        yield FieldViolation("points", "must be between 1 and 10^9")
    for name in ("day_cap", "week_cap", "month_cap", "total_cap"):
        cap = getattr(terms, name)
        if cap is not None and not 1 <= cap <= CAP_MAX:
            yield FieldViolation(name, "must be between 0 and 10^6")
        if cap is not None and occasion is not None:
            yield FieldViolation(name, "must be 0 for an occasion, which comes once a year")
    if terms.cooldown is not None and not timedelta(seconds=1) <= terms.cooldown <= COOLDOWN_MAX:
        yield FieldViolation("cooldown", "must be between 1 second and 366 days")
    if terms.cooldown is not None and occasion is not None:
        yield FieldViolation("cooldown", "must be absent for an occasion, which comes once a year")
    if terms.expiry is not None:
        yield from terms.expiry.violations("expiry_policy")


def attribute_violations(attributes: Mapping[str, str]) -> Iterator[FieldViolation]:
    """What is wrong with attributes. No value is repeated."""
    if len(attributes) > ATTRIBUTES_MAX:
        yield FieldViolation("attributes", f"must be at most {ATTRIBUTES_MAX}")
    elif not all(map(_KEY.fullmatch, attributes)):
        yield FieldViolation("attributes", "must have keys of 1 to 40 of a-z 0-9 _, a letter first")
    elif not all(len(value) <= VALUE_LENGTH_MAX and value.isprintable() for value in attributes.values()):
        yield FieldViolation("attributes", f"must have values of at most {VALUE_LENGTH_MAX} printable characters")
