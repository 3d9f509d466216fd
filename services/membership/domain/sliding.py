"""Expiry that slides: activity keeps a member's points alive, as long as it comes before they have expired."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from membership.domain.calendar import ExpiryKind, ExpiryPolicy
from membership.domain.program import Program


class Span(NamedTuple):
    """A time over which activity has kept a member's points: from the first one on until they expire."""

    since: datetime
    until: datetime

    def keeps(self, event_time: datetime) -> bool:
        """Whether points earned then are kept by it."""
        return self.since <= event_time < self.until


def sliding(program: Program) -> ExpiryPolicy | None:
    """The policy of a program whose points are kept by activity; None for any other program."""
    policy = program.settings.expiry
    return policy if policy is not None and policy.kind is ExpiryKind.SLIDING else None


def slide(span: Span | None, policy: ExpiryPolicy, event_times: Iterable[datetime], time_zone: str) -> Span | None:
    """The span after activity, in whatever order it came: see `joined`."""
    for event_time in sorted(event_times):
        own = Span(event_time, policy.expire_time(event_time, time_zone))
        span = own if span is None else joined(span, own)
    return span


def joined(one: Span, other: Span) -> Span:
    """Two spans of a member as one; the later, where there is a break between them."""
    first, second = sorted((one, other))
    if first.until <= second.since:
        return second
    return Span(first.since, max(first.until, second.until))


def lengthens(before: Span | None, span: Span, now: datetime) -> bool:
    """Whether a member's points live longer by a span than by the one `before`: the ledger is then asked, in a round of
    its own.
    """
    return span.until > now and (before is None or span.until > before.until)


def kept_until(span: Span | None, policy: ExpiryPolicy, event_time: datetime, time_zone: str) -> datetime:
    """When points expire that are earned at `event_time`, within or outside of a span."""
    if span is not None and span.keeps(event_time):
        return span.until
    return policy.expire_time(event_time, time_zone)


def now_until(expires: datetime | None, span: Span | None) -> datetime | None:
    """When points expire that were given to expire at a time: later, where that was within the span, or since."""
    return max(expires, span.until) if expires is not None and span is not None and expires > span.since else expires


def expire_time(program: Program, own: ExpiryPolicy | None, span: Span | None, event_time: datetime) -> datetime | None:
    """When points of an event expire: by the policy that its terms have of their own, otherwise as the program's do for
    a member whose activity keeps points for a span; None for never.
    """
    if own is not None:
        return own.expire_time(event_time, program.time_zone)
    policy = program.settings.expiry
    return kept_until(span, policy, event_time, program.time_zone) if policy is not None else None
