"""Activities that come late: a member's of a type are judged anew from some moment on, in the order in which they
happened.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from membership.domain.activities import ActivityTerms, Judgement, Past, judge, spans
from membership.domain.late_changes import digest


class Done(NamedTuple):
    """An activity as far as it is judged."""

    event_time: datetime
    terms: ActivityTerms


@dataclass(frozen=True, slots=True)
class Before:
    """What was awarded before a moment: how many activities in all, when the last one was, and the times of those in
    its week and its month, in their order.
    """

    total: int
    last: datetime | None
    times: Sequence[datetime]


def judge_in_order(before: Before, done: Sequence[Done], time_zone: str) -> list[Judgement]:
    """What activities bring, which are in their order, each after those before it."""
    times, total, last, judged = list(before.times), before.total, before.last, list[Judgement]()
    for event_time, terms in done:
        within = spans(event_time, time_zone)
        day, week, month = (
            bisect_left(times, end) - bisect_left(times, start)
            for start, end in (within.day, within.week, within.month)
        )
        judgement = judge(terms, event_time, within, Past(day, week, month, total, last, None))
        judged.append(judgement)
        if judgement.points:
            times.append(event_time)
            total, last = total + 1, event_time
    return judged


def given_anew(activity_id: str, late_id: str) -> str:
    """The id of the bonus that an activity is given because another one came late, which it does once."""
    return f"y-{digest(f'{activity_id} {late_id}')}"
