"""Moments as whole microseconds since 1970: what PostgreSQL keeps, exact, and cheap to compare by the thousand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
AHEAD_MAX = timedelta(minutes=5)
"""How far a till's clock may be ahead of ours."""


def from_microseconds(moment_us: int) -> datetime:
    """The moment as a datetime in UTC."""
    return EPOCH + timedelta(microseconds=moment_us)


def to_microseconds(moment: datetime) -> int:
    """The moment as whole microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND
