"""Activities that come late, in programs with a lateness window: judged in their place, and those after them anew, in
the transaction that records them, under the lock on the member's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection
from membership.domain.activities import Activity, ActivityTerms, Asked, Judgement, spans
from membership.domain.bonuses import Bonus
from membership.domain.late_activities import Done, given_anew, judge_in_order
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.sliding import Span, expire_time
from membership.operations.events import activity_judged_anew
from membership.operations.qualifying import NOTHING, Rewards, revoke
from membership.operations.sliding import keep
from membership.store import activities, bonuses


class Anew(NamedTuple):
    """A recorded activity, and how it is judged now."""

    activity: Activity
    judgement: Judgement


async def judged_in_place(
    connection: Connection, program: Program, member: Member, asked: Asked, terms: ActivityTerms, now: datetime
) -> tuple[Judgement, list[Anew]] | None:
    """What an activity brings that came after a later one of its type, and how the later ones are judged then, where
    that is otherwise. None where it came in time, or too late.
    """
    if not program.has_timelines or asked.event_time < now - timedelta(days=program.settings.late_days):
        return None
    later = await activities.later(connection, member.member_no, asked)
    if not later:
        return None
    within = spans(asked.event_time, program.time_zone)
    since = min(within.week[0], within.month[0])
    before = await activities.before(connection, member.member_no, asked, since)
    done = [Done(asked.event_time, terms), *(Done(one.asked.event_time, one.terms) for one in later)]
    first, *others = judge_in_order(before, done, program.time_zone)
    pairs = zip(later, others, strict=True)
    return first, [Anew(one, judgement) for one, judgement in pairs if judgement != one.judgement]


async def change_activities(
    connection: Connection, program: Program, member: Member, late: Asked, later: Sequence[Anew], now: datetime
) -> Rewards:
    """Writes how later activities are judged because of a late one; gives what now stands, takes back the others."""
    given, fallen, changed = list[Bonus](), list[str](), list[Activity]()
    awarded = [one.asked.event_time for one, judgement in later if judgement.points and not one.judgement.points]
    spans = await keep(connection, program, {member.member_no: awarded}, set(), now) if awarded else {}
    for one, judgement in later:
        after = replace(one, judgement=judgement)
        if judgement.points and not one.judgement.points:
            after = replace(after, given_as=given_anew(one.asked.activity_id, late.activity_id))
            given.append(_bonus(program, member, after, spans.get(member.member_no), now))
        elif one.judgement.points and not judgement.points:
            fallen.append(one.bonus_id)
        changed.append(after)
    await activities.rejudge(connection, program, changed)
    moved = [one for one in later if one.judgement.points != one.activity.judgement.points]
    await publish(
        connection,
        *(activity_judged_anew(program, one, judgement, late.activity_id, now) for one, judgement in moved),
    )
    taken = await revoke(connection, program, fallen, now, late=True) if fallen else NOTHING
    return Rewards.together([Rewards(await bonuses.insert(connection, program, given, now), ()), taken])


def _bonus(program: Program, member: Member, one: Activity, span: Span | None, now: datetime) -> Bonus:
    asked, expires = one.asked, expire_time(program, one.terms.expiry, span, one.asked.event_time)
    return Bonus(
        one.bonus_id,
        member.member_no,
        member.member_id,
        one.judgement.points,
        asked.event_time,
        now,
        expires,
        f"Late arrival: activity {asked.activity_id}",
    )
