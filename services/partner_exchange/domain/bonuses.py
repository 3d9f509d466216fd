"""Caps of bonuses: what a member has had of a pair's in a day, a month or a year of the coalition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from partner_exchange.domain.errors import BonusCapReached
from partner_exchange.domain.rates import BonusCap, Period


@dataclass(frozen=True, slots=True)
class BonusCount:
    """The period in which a member's bonus points are added up."""

    period: Period
    begin: date

    @property
    def end(self) -> date:
        """The first day of the next one."""
        match self.period:
            case Period.DAY:
                return self.begin + timedelta(days=1)
            case Period.MONTH:
                return (self.begin + timedelta(days=31)).replace(day=1)
            case Period.YEAR:
                return self.begin.replace(year=self.begin.year + 1)


def count_at(period: Period, time: datetime, zone: ZoneInfo) -> BonusCount:
    """The count that a moment lies in, by the calendar of a time zone."""
    day = time.astimezone(zone).date()
    match period:
        case Period.DAY:
            return BonusCount(period, day)
        case Period.MONTH:
            return BonusCount(period, day.replace(day=1))
        case Period.YEAR:
            return BonusCount(period, day.replace(month=1, day=1))


def refusal(cap: BonusCap, count: BonusCount, used: int, wanted: int, zone: ZoneInfo) -> BonusCapReached:
    """Why a quote's bonus cannot be had any more: other exchanges had it since."""
    reset = first_instant(count.end, zone)
    return BonusCapReached(limit=cap.points, used=used, requested=wanted, reset_time=reset.isoformat())
