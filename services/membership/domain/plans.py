"""Paid membership: plans, the periods that members bought, and which of them are held at a moment.

A period begins and ends by the clock alone: nothing has to be done for a plan to lapse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation
from membership.domain.calendar import ExpiryPolicy
from membership.domain.ids import ID_RULE, is_id

MONTHS_MAX = 120
PRICE_MAX = 10**12
NAME_LENGTH_MAX = 100
PERIODS_MAX = 24
"""The most periods of a member that have not ended."""


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What a plan says: `price` is minor units of the program's currency, for each period of so many months."""

    display_name: str
    months: int
    price: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as stored."""

    plan_id: str
    terms: PlanTerms
    archived: bool
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """A time for which a member bought a plan. It belongs to a run of periods that follow each other without a gap,
    which began at `run_start_time` and is `run_months` long with it.
    """

    plan_id: str
    start_time: datetime
    end_time: datetime
    run_start_time: datetime
    run_months: int
    price: int
    buy_time: datetime
    used: bool = False
    cancel_time: datetime | None = None
    period_no: int = 0
    """0 before it is stored."""

    def covers(self, moment: datetime) -> bool:
        """Whether the plan is held then."""
        return self.cancel_time is None and self.start_time <= moment < self.end_time


class HeldPlan(NamedTuple):
    """A plan that is held, and until when: the first moment after all that prolongs it."""

    plan_id: str
    end_time: datetime


def next_period(periods: Iterable[Period], plan_id: str, terms: PlanTerms, now: datetime, time_zone: str) -> Period:
    """What is bought now: from now on, or from the end of the last period that has not ended. Its end is counted from
    the beginning of the run, so that a month from 31 January does not make all later ones end on the 28th.
    """
    last = max(standing(periods, now), key=_by_end, default=None)
    start, run_start, months = (now, now, 0) if last is None else (last.end_time, last.run_start_time, last.run_months)
    run_months = months + terms.months
    end = ExpiryPolicy(run_months).expire_time(run_start, time_zone)
    return Period(plan_id, start, end, run_start, run_months, terms.price, now)


def standing(periods: Iterable[Period], now: datetime) -> list[Period]:
    """Those that run or are to come."""
    return [one for one in periods if one.cancel_time is None and one.end_time > now]


def refundable(periods: Iterable[Period], now: datetime) -> list[Period]:
    """Those that run or are to come and in which no benefit was used, in the order of their beginnings."""
    return sorted(
        (one for one in standing(periods, now) if not one.used), key=lambda one: (one.start_time, *_by_end(one))
    )


def covering(periods: Iterable[Period], moment: datetime) -> Period | None:
    """The period that a moment lies in; of several, which only a merge can bring, the one that ends last."""
    return max((one for one in periods if one.covers(moment)), key=_by_end, default=None)


def held_at(periods: Sequence[Period], moment: datetime) -> HeldPlan | None:
    """The plan that is held at a moment."""
    found = covering(periods, moment)
    if found is None:
        return None
    end = found.end_time
    for one in sorted(standing(periods, moment), key=lambda one: one.start_time):
        if one.plan_id == found.plan_id and one.start_time <= end:
            end = max(end, one.end_time)
    return HeldPlan(found.plan_id, end)


def lapses(periods: Iterable[Period], one: Period) -> bool:
    """Whether a plan is held no more when a period of it ends."""
    return not any(other.plan_id == one.plan_id and other.covers(one.end_time) for other in periods)


def violations(plan_id: str, terms: PlanTerms) -> Iterator[FieldViolation]:
    """What is wrong with a plan, by the contract's field paths within it."""
    if is_id(plan_id) is None:
        yield FieldViolation("name", f"its id {ID_RULE}")
    if len(terms.display_name) > NAME_LENGTH_MAX or not terms.display_name.isprintable():
        yield FieldViolation("display_name", f"must be at most {NAME_LENGTH_MAX} printable characters")
    if not 1 <= terms.months <= MONTHS_MAX:
        yield FieldViolation("months", f"must be between 1 and {MONTHS_MAX}")
    if not 0 <= terms.price <= PRICE_MAX:
        yield FieldViolation("price.minor_units", "must be between 0 and 10^12")


def _by_end(one: Period) -> tuple[datetime, int]:
    return one.end_time, one.period_no
