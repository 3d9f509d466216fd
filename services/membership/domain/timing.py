"""When the points of a rated purchase can be spent, and when they expire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, State
from membership.domain.rating import Rated
from membership.domain.rulebooks import Rulebook
from membership.domain.sliding import Span
from membership.domain.tranches import Times, divide, times
from membership.domain.wallets import Wallet, wallet_times
from membership.domain.wallets import with_times as wallet_with_times

_NO_POINTS = Times(None, None)


class Timed(NamedTuple):
    """A purchase's terms with its tranches, and its own credit: when it can be spent and expires, and how many points
    it has, None for all.
    """

    frozen: FrozenTerms | None
    own: Times
    points: int | None = None


def timed(program: Program, book: Rulebook, one: Rated, event_time: datetime, span: Span | None) -> Timed:
    """The times of what a purchase earned; the member's activity keeps its points for a span, where expiry slides."""
    frozen = one.frozen
    if frozen is not None and frozen.wallets:
        frozen = replace(frozen, wallets=tuple(_wallets(program, book, one, event_time)))
    if not one.points:
        return Timed(frozen, _NO_POINTS)
    others = times(program, None, event_time, span)
    if frozen is None or not book.timed:
        return Timed(frozen, others)
    by_rule = {
        version.rule_no: times(program, version.rule, event_time, span)
        for version in book.at(one.entry.event_us).versions
        if version.rule.has_times
    }
    tranches = divide([term.rule_no for term in frozen.terms], frozen.points, by_rule, others)
    if not tranches:
        return Timed(frozen, others)
    first = tranches[0]
    return Timed(
        replace(frozen, tranches=tranches),
        Times(first.available_time, first.expire_time, first.wait),
        first.points,
    )


def _wallets(program: Program, book: Rulebook, one: Rated, event_time: datetime) -> Iterator[Wallet]:
    assert one.frozen is not None, "wallets are of frozen terms"
    by_rule = {
        version.rule_no: wallet_times(
            program,
            version.rule,
            event_time,
            version.rule.expiry.expire_time(event_time, program.time_zone) if version.rule.expiry else None,
        )
        for version in book.at(one.entry.event_us).versions
        if version.rule.unit
    }
    for wallet in one.frozen.wallets:
        yield wallet_with_times(wallet, by_rule)


def state_of(points: int, expire_time: datetime | None, now: datetime) -> State:
    """What is to be done with points that expire then: nothing where there are none, or they have expired already."""
    if not points:
        return State.POSTED
    return State.LAPSED if expire_time is not None and expire_time <= now else State.PENDING
