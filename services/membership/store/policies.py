"""A program's policies as columns."""

from __future__ import annotations

from typing import Any

from asyncpg import Record

from membership.domain.availability import Availability, OnEvent
from membership.domain.calendar import ExpiryKind, ExpiryPolicy, PeriodEnd
from membership.domain.program import Settings
from membership.domain.tier_policy import Downgrade, Metric, Period, TierPolicy


def columns(settings: Settings) -> dict[str, Any]:
    """The columns of a program's policies."""
    tiers = settings.tier_policy
    return {
        "expiry": expiry_column(settings.expiry),
        "availability": availability_column(settings.availability),
        "tier_metric": tiers.metric,
        "tier_period": tiers.period,
        "tier_counted_after_days": tiers.counted_after_days,
        "tier_downgrade": tiers.downgrade,
        "tier_grace_days": tiers.grace_days,
    }


def expiry_column(policy: ExpiryPolicy | None) -> list[int] | None:
    """An expiry policy as it is kept."""
    if policy is None:
        return None
    return [policy.months, policy.rounded_to or 0, policy.kind, *(policy.month_day or (0, 0))]


def availability_column(availability: Availability | None) -> list[Any] | None:
    """An availability as it is kept."""
    if availability is None:
        return None
    return [availability.after_days, availability.after_return_window, availability.on_event]


def read_availability(column: list[Any] | None) -> Availability | None:
    """When points can first be spent; None: at once, or as elsewhere."""
    if column is None:
        return None
    after_days, after_return_window, on_event = column
    return Availability(after_days, after_return_window, None if on_event is None else OnEvent(*on_event))


def read_expiry(column: list[int] | None) -> ExpiryPolicy | None:
    """When points expire; None: never, or as elsewhere."""
    if column is None:
        return None
    months, rounded_to, kind, month, day = column
    return ExpiryPolicy(
        months=months,
        rounded_to=PeriodEnd(rounded_to) if rounded_to else None,
        kind=ExpiryKind(kind),
        month_day=(month, day) if month else None,
    )


def tier_policy(row: Record) -> TierPolicy:
    """How a program's tiers are reached and kept."""
    return TierPolicy(
        metric=Metric(row["tier_metric"]),
        period=Period(row["tier_period"]),
        counted_after_days=row["tier_counted_after_days"],
        downgrade=Downgrade(row["tier_downgrade"]),
        grace_days=row["tier_grace_days"],
    )
