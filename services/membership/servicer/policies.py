"""A program's policies, between the contract's messages and the domain."""

from __future__ import annotations

from guerdon.membership.v1 import program_pb2, times_pb2
from guerdon_kit.errors import InvalidField
from membership.domain.availability import Availability, OnEvent
from membership.domain.calendar import ExpiryKind, ExpiryPolicy, PeriodEnd
from membership.domain.tier_policy import Downgrade, Metric, Period, TierPolicy

_Expiry, _Tiers = times_pb2.ExpiryPolicy, program_pb2.TierPolicy
_ENDS: dict[PeriodEnd | None, times_pb2.ExpiryPolicy.PeriodEnd.ValueType] = {
    None: _Expiry.PERIOD_END_UNSPECIFIED,
    PeriodEnd.MONTH: _Expiry.PERIOD_END_MONTH,
    PeriodEnd.QUARTER: _Expiry.PERIOD_END_QUARTER,
    PeriodEnd.HALF_YEAR: _Expiry.PERIOD_END_HALF_YEAR,
    PeriodEnd.YEAR: _Expiry.PERIOD_END_YEAR,
}
_KINDS = {
    ExpiryKind.FIXED_PERIOD: _Expiry.KIND_FIXED_PERIOD,
    ExpiryKind.CALENDAR_DATE: _Expiry.KIND_CALENDAR_DATE,
    ExpiryKind.SLIDING: _Expiry.KIND_SLIDING,
}
METRICS = {
    Metric.POINTS: _Tiers.METRIC_POINTS,
    Metric.SPEND: _Tiers.METRIC_SPEND,
    Metric.VISITS: _Tiers.METRIC_VISITS,
}
_PERIODS = {
    Period.CALENDAR_YEAR: _Tiers.PERIOD_CALENDAR_YEAR,
    Period.ROLLING_YEAR: _Tiers.PERIOD_ROLLING_YEAR,
    Period.MEMBER_YEAR: _Tiers.PERIOD_MEMBER_YEAR,
}
_DOWNGRADES = {
    Downgrade.TO_LEVEL_EARNED: _Tiers.DOWNGRADE_TO_LEVEL_EARNED,
    Downgrade.ONE_LEVEL: _Tiers.DOWNGRADE_ONE_LEVEL,
    Downgrade.NEVER: _Tiers.DOWNGRADE_NEVER,
}


def read_expiry(message: times_pb2.ExpiryPolicy, path: str) -> ExpiryPolicy:
    """An expiry policy; its bounds are the domain's to check.

    Raises:
        InvalidField: an enum has no such value.
    """
    ends, kinds = {value: end for end, value in _ENDS.items()}, {value: kind for kind, value in _KINDS.items()}
    if message.rounded_to not in ends:
        raise InvalidField.of(f"{path}.rounded_to", "must be a PeriodEnd")
    if message.kind and message.kind not in kinds:
        raise InvalidField.of(f"{path}.kind", "must be a Kind")
    dated = message.calendar_month or message.calendar_day
    return ExpiryPolicy(
        months=message.months,
        rounded_to=ends[message.rounded_to],
        kind=kinds[message.kind] if message.kind else ExpiryKind.FIXED_PERIOD,
        month_day=(message.calendar_month, message.calendar_day) if dated else None,
    )


def write_expiry(policy: ExpiryPolicy) -> times_pb2.ExpiryPolicy:
    """An expiry policy."""
    month, day = policy.month_day or (0, 0)
    return times_pb2.ExpiryPolicy(
        months=policy.months,
        rounded_to=_ENDS[policy.rounded_to],
        kind=_KINDS[policy.kind],
        calendar_month=month,
        calendar_day=day,
    )


def read_availability(message: times_pb2.Availability) -> Availability:
    """When points can first be spent; its bounds are the domain's to check."""
    waits = message.on_event
    on_event = OnEvent(waits.event, waits.wait_days, waits.released_after) if message.HasField("on_event") else None
    return Availability(message.after_days, message.after_return_window, on_event)


def write_availability(availability: Availability) -> times_pb2.Availability:
    """When points can first be spent."""
    if (waits := availability.on_event) is not None:
        on_event = times_pb2.OnEvent(event=waits.event, wait_days=waits.wait_days, released_after=waits.released)
        return times_pb2.Availability(on_event=on_event)
    if availability.after_return_window:
        return times_pb2.Availability(after_return_window=True)
    return (
        times_pb2.Availability(after_days=availability.after_days)
        if availability.after_days
        else times_pb2.Availability()
    )


def read_tier_policy(message: program_pb2.TierPolicy) -> TierPolicy:
    """A tier policy; its bounds are the domain's to check.

    Raises:
        InvalidField: an enum has no such value.
    """
    metrics = {value: metric for metric, value in METRICS.items()}
    periods = {value: period for period, value in _PERIODS.items()}
    downgrades = {value: downgrade for downgrade, value in _DOWNGRADES.items()}
    for field, given, known in (
        ("metric", message.metric, metrics.keys()),
        ("period", message.period, periods.keys()),
        ("downgrade", message.downgrade, downgrades.keys()),
    ):
        if given and given not in known:
            raise InvalidField.of(f"program.tier_policy.{field}", "must be one of the contract's values")
    return TierPolicy(
        metric=metrics.get(message.metric, Metric.POINTS),
        period=periods.get(message.period, Period.CALENDAR_YEAR),
        counted_after_days=message.counted_after_days,
        downgrade=downgrades.get(message.downgrade, Downgrade.TO_LEVEL_EARNED),
        grace_days=message.grace_days,
    )


def write_tier_policy(policy: TierPolicy) -> program_pb2.TierPolicy:
    """A tier policy."""
    return program_pb2.TierPolicy(
        metric=METRICS[policy.metric],
        period=_PERIODS[policy.period],
        counted_after_days=policy.counted_after_days,
        downgrade=_DOWNGRADES[policy.downgrade],
        grace_days=policy.grace_days,
    )
