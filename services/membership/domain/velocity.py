"""Velocity: how much a member, a cashier or a terminal may have in a period before awards are flagged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from guerdon_kit.errors import FieldViolation
from membership.domain.baskets import Basket

LIMITS_MAX = 12
PURCHASES_MAX = 10**9
POINTS_MAX = 10**12
_HOUR_S = 3_600


class Subject(IntEnum):
    """Who or what is limited. The values are stored, and are the contract's."""

    MEMBER = 1
    CASHIER = 2
    TERMINAL = 3


class Period(IntEnum):
    """What is counted together, by the time of recording. The values are stored, and are the contract's."""

    HOUR = 1
    DAY = 2
    MONTH = 3

    def start(self, now: datetime, time_zone: str) -> int:
        """The number of the period that a moment lies in: hours are those of UTC, the others of the zone."""
        if self is Period.HOUR:
            return int(now.timestamp()) // _HOUR_S
        local = now.astimezone(ZoneInfo(time_zone))
        return local.toordinal() if self is Period.DAY else local.year * 12 + local.month - 1


class Limit(NamedTuple):
    """The most purchases, and points of all of them, that are not flagged; 0: any number."""

    subject: Subject
    period: Period
    max_purchases: int
    max_points: int

    def passed(self, counted: Counted) -> bool:
        """Whether so much is too much."""
        return 0 < self.max_purchases < counted.purchases or 0 < self.max_points < counted.points


class Key(NamedTuple):
    """Whose count: of a member by its number."""

    subject: Subject
    value: str
    period: Period


class Counted(NamedTuple):
    """What was counted of a subject in a period."""

    purchases: int = 0
    points: int = 0

    def plus(self, other: Counted) -> Counted:
        """Both together."""
        return Counted(self.purchases + other.purchases, self.points + other.points)

    def less(self, other: Counted) -> Counted:
        """Without the other."""
        return Counted(self.purchases - other.purchases, self.points - other.points)


class Passed(NamedTuple):
    """A limit that a purchase passed, with what was counted then, the purchase included."""

    limit: Limit
    value: str
    """The cashier or terminal; of a member its id."""
    counted: Counted


ALL_PERIODS = frozenset(Period)


def periods_of(event_time: datetime, now: datetime, time_zone: str) -> frozenset[Period]:
    """The periods in which an imported purchase is counted: those of now in which it happened. A till's batch of this
    morning is, a history is not.
    """
    return frozenset(one for one in Period if one.start(event_time, time_zone) == one.start(now, time_zone))


class Bought(NamedTuple):
    """A purchase, as far as it is counted."""

    purchase_id: str
    member_no: int
    member_id: str
    basket: Basket | None
    points: int
    periods: frozenset[Period] = ALL_PERIODS

    def value(self, subject: Subject) -> str:
        """By what a subject is known, empty where nobody said."""
        if subject is Subject.MEMBER:
            return str(self.member_no)
        if self.basket is None:
            return ""
        return self.basket.cashier if subject is Subject.CASHIER else self.basket.terminal


@dataclass(frozen=True, slots=True)
class VelocityPolicy:
    """What a program watches for, and whether flagged awards are held."""

    limits: tuple[Limit, ...] = ()
    hold_flagged: bool = False

    def violations(self, *, late: bool) -> Iterator[FieldViolation]:
        """The bounds that are not kept, by the fields of the contract's `VelocityPolicy`; `late` says that the program
        has a lateness window.
        """
        if len(self.limits) > LIMITS_MAX:
            yield FieldViolation("limits", f"must be at most {LIMITS_MAX}")
        if len({(one.subject, one.period) for one in self.limits}) < len(self.limits):
            yield FieldViolation("limits", "must each have another subject and period")
        for place, one in enumerate(self.limits):
            if not 0 <= one.max_purchases <= PURCHASES_MAX:
                yield FieldViolation(f"limits[{place}].max_purchases", "must be between 0 and 10^9")
            if not 0 <= one.max_points <= POINTS_MAX:
                yield FieldViolation(f"limits[{place}].max_points", "must be between 0 and 10^12")
            if not one.max_purchases and not one.max_points:
                yield FieldViolation(f"limits[{place}].max_purchases", "is needed, or max_points")
        if self.hold_flagged and late:
            yield FieldViolation("hold_flagged", "is not for programs with late_days: awards are rated anew there")


def keys(policy: VelocityPolicy, one: Bought) -> Iterator[tuple[Limit, Key]]:
    """What a purchase counts for."""
    for limit in policy.limits:
        value = one.value(limit.subject)
        if value and limit.period in one.periods:
            yield limit, Key(limit.subject, value, limit.period)


def together(policy: VelocityPolicy, bought: Iterable[Bought]) -> dict[Key, Counted]:
    """What purchases come to for each count."""
    sums: dict[Key, Counted] = {}
    for one in bought:
        for _, key in keys(policy, one):
            sums[key] = sums.get(key, Counted()).plus(Counted(1, one.points))
    return sums


def flags(
    policy: VelocityPolicy, bought: Sequence[Bought], after: Mapping[Key, Counted]
) -> dict[str, tuple[Passed, ...]]:
    """The limits that purchases pass which are recorded together, in their order, by their ids; `after` is what is
    counted with all of them.
    """
    so_far = {key: after[key].less(sum_) for key, sum_ in together(policy, bought).items()}
    found: dict[str, tuple[Passed, ...]] = {}
    for one in bought:
        passed: list[Passed] = []
        for limit, key in keys(policy, one):
            so_far[key] = so_far[key].plus(Counted(1, one.points))
            if limit.passed(so_far[key]):
                value = one.member_id if limit.subject is Subject.MEMBER else key.value
                passed.append(Passed(limit, value, so_far[key]))
        if passed:
            found[one.purchase_id] = tuple(passed)
    return found
