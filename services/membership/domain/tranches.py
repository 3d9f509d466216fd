"""Awards whose rules have times of their own: points that are available and expire together are a tranche.

Each tranche is a credit of its own in the ledger, so that returns can take of one what the others keep. The first is
the purchase's own credit; the others are bonuses beside it. Where all points have the program's times there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from membership.domain.availability import Availability, plus_days
from membership.domain.program import Program
from membership.domain.rules import Rule
from membership.domain.sliding import Span, expire_time

_AT_ONCE = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Wait(NamedTuple):
    """Points wait for an event of their purchase, or only for a time, where the event is empty."""

    event: str
    until: datetime
    released: bool
    """Whether they can be spent once that time is over; otherwise they are taken back."""


class Times(NamedTuple):
    """When points can first be spent, None for at once or on an event; and when they expire, None for never."""

    available_time: datetime | None
    expire_time: datetime | None
    wait: Wait | None = None


class Tranche(NamedTuple):
    """Points with the same times. `places` are those of the terms that gave them, and would."""

    points: int
    available_time: datetime | None
    expire_time: datetime | None
    places: tuple[int, ...]
    wait: Wait | None = None


def times(program: Program, rule: Rule | None, event_time: datetime, span: Span | None) -> Times:
    """When points of a purchase can be spent and expire that a rule gives, or for None the program without it. The
    member's activity keeps them for a span, where the expiry slides.
    """
    own = rule.availability if rule else None
    available, expires = available_time(program, event_time, own), rule.expiry if rule else None
    return Times(available, expire_time(program, expires, span, event_time), wait(program, event_time, own))


def available_time(program: Program, event_time: datetime, own: Availability | None = None) -> datetime | None:
    """When points of a purchase can first be spent, None for at once: by an availability of their own, otherwise as
    the program's.
    """
    settings = program.settings
    rule = own if own is not None else settings.availability
    days = 0 if rule is None else rule.days(settings.return_window_days)
    return plus_days(event_time, days, program.time_zone) if days else None


def wait(program: Program, event_time: datetime, own: Availability | None = None) -> Wait | None:
    """What points of a purchase wait for, likewise; None where that is no event."""
    rule = own if own is not None else program.settings.availability
    if rule is None or rule.on_event is None:
        return None
    event, days, released = rule.on_event
    return Wait(event, plus_days(event_time, days, program.time_zone), released)


def divide(
    rule_nos: Sequence[int], points: Sequence[int], by_rule: Mapping[int, Times], others: Times
) -> tuple[Tranche, ...]:
    """The tranches of an award, by the terms' rule numbers and what each gave; none where all of it has the program's
    times, `others`, which is what the tier adds has too. The program's comes first, then those that are available and
    expire sooner.
    """
    places: dict[Times, list[int]] = {}
    for place, rule_no in enumerate(rule_nos):
        places.setdefault(by_rule.get(rule_no, others), []).append(place)
    given = {one: sum(points[place] for place in of) for one, of in places.items()}
    order = sorted((one for one, sum_ in given.items() if sum_), key=lambda one: (one != others, *_soonest(one)))
    if order in ([], [others]):
        return ()
    return tuple(
        Tranche(given[one], one.available_time, one.expire_time, tuple(places[one]), one.wait) for one in order
    )


def share(tranches: Sequence[Tranche], taken: Sequence[int], left: Sequence[int], points: int) -> list[int]:
    """What of the `points` that a return takes is taken of each tranche, where so much was `taken` of each before and
    the terms give what is `left` for all that is kept. The last tranche gives first, each at most what it has above.

    It is always enough: together they have at least so much above what is left.
    """
    shares = [0] * len(tranches)
    for number in reversed(range(len(tranches))):
        one = tranches[number]
        above = one.points - taken[number] - sum(left[place] for place in one.places)
        shares[number] = max(0, min(points, above))
        points -= shares[number]
    assert points == 0, "a return takes more than the terms give less"
    return shares


def _soonest(one: Times) -> tuple[datetime, datetime, str, bool]:
    """What waits for an event counts as available when its longest wait is over."""
    event, until, released = one.wait or (("", one.available_time or _AT_ONCE, False))
    return until, one.expire_time or _NEVER, event, released


def bonus_id(purchase_id: str, number: int) -> str:
    """What the credit of a tranche that is not the first is called; `number` counts from 1."""
    return f"t{number}-{purchase_id}"
