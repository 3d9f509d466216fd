"""Recording an activity: judged under the lock on the member's row, in one transaction with what it gives, and then
brought to the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import FieldViolation, InvalidField, NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, Rerun
from guerdon_kit.postgres.requests import once
from membership.domain.activities import Activity, ActivityType, Asked, attribute_violations, judge, spans
from membership.domain.bonuses import Bonus
from membership.domain.deliveries import Delivery
from membership.domain.endings import ended
from membership.domain.errors import ActivityDiffers, ActivityTypeArchived
from membership.domain.members import Ended, Member
from membership.domain.moments import AHEAD_MAX, EPOCH
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.domain.sliding import expire_time
from membership.operations.activity_types import type_name
from membership.operations.deliveries import Deliveries
from membership.operations.events import activity_recorded
from membership.operations.late_activities import Anew, change_activities, judged_in_place
from membership.operations.qualifying import NOTHING, Rewards
from membership.operations.sliding import keep, kept
from membership.store import activities, bonuses, deliveries, members, profiles


class Activities:
    """Activities."""

    def __init__(self, database: Database, service: Deliveries, clock: Clock) -> None:
        self._database = database
        self._deliveries = service
        self._clock = clock

    async def record(
        self, program: Program, asked: Asked, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> tuple[Activity, bool, bool]:
        """Records an activity; answers it, whether it was recorded before by another request, and whether this is a
        replay.

        Raises:
            InvalidField: a field is out of its bounds, or the type is given for an occasion.
            NotFound: there is no such member, or no such type.
            ActivityDiffers: the id was recorded with other facts.
            ActivityTypeArchived: the type is archived.
            MemberClosed, MemberErased: the membership has ended.
        """
        now = self._clock.now()
        _check(asked, now + AHEAD_MAX)
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            member = await members.hold(connection, program, asked.member_id)
            of_member = replace(asked, member_id=member.member_id)
            known = await _known(connection, program, member, of_member)
            delivery = None
            if known is None:
                judged, later = await _judge(connection, program, member, of_member, now)
                delivery = await self._write(connection, program, member, judged, later, actor)
                if asked.attributes:
                    await profiles.link(connection, [member.member_no], fingerprint.key)
            number = delivery.delivery_no if delivery else None
            return json.dumps({"already": known is not None, "delivery": number}).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        told = json.loads(outcome)
        if replayed and told["delivery"] is not None:
            delivery = await self._deliveries.find(told["delivery"])
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, within_s)
        async with self._database.acquire() as connection:
            recorded = await activities.find(connection, program, asked.activity_id)
        assert recorded is not None, "activities are not deleted"
        return recorded, told["already"], replayed

    async def simulate(self, program: Program, asked: Asked) -> tuple[Activity, bool]:
        """What recording an activity would answer now, and whether it is recorded already.

        Raises:
            As `record`.
        """
        now = self._clock.now()
        _check(asked, now + AHEAD_MAX)
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, asked.member_id)
            if member is None:
                raise NotFound(f"{program.name}/members/{asked.member_id}")
            known = await _known(connection, program, member, asked)
            return known or (await _judge(connection, program, member, asked, now))[0], known is not None

    async def page(
        self, program: Program, member_id: str, before_time: datetime, before_id: str, most: int
    ) -> list[Activity]:
        """A member's activities, from the latest to the first, from behind the one given.

        Raises:
            NotFound: there is no such member.
        """
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, member_id)
            if member is None:
                raise NotFound(f"{program.name}/members/{member_id}")
            return await activities.page(connection, member.member_no, before_time, before_id, most)

    async def _write(
        self,
        connection: Connection,
        program: Program,
        member: Member,
        judged: Activity,
        later: Sequence[Anew],
        actor: str,
    ) -> Delivery | None:
        """Writes an activity and what it gives, and what it makes of later ones; answers what has to be brought to the
        ledger.
        """
        asked, now = judged.asked, judged.record_time
        new = activities.NewActivities(
            asked.type_id,
            judged.version,
            asked.event_time,
            dict(asked.attributes),
            judged.judgement,
            [asked.activity_id],
            [member.member_no],
        )
        if not await activities.insert(connection, program, new, now, actor):
            raise Rerun  # recorded meanwhile, for another member
        await publish(connection, activity_recorded(program, judged))
        rewards = NOTHING
        if judged.judgement.points:
            await keep(connection, program, {member.member_no: [asked.event_time]}, set(), now)
            rewards = Rewards(await bonuses.insert(connection, program, [bonus_of(judged, member)], now), ())
        if later:
            changed = await change_activities(connection, program, member, asked, later, now)
            rewards = Rewards.together([rewards, changed])
        given = rewards.bonuses
        if not given:
            return None
        unready = rewards.with_accounts_of([member] if member.state is State.PENDING else [])
        number = await deliveries.insert(
            connection,
            program,
            actor,
            self._deliveries.first_due_time(),
            member_nos=[one.member_no for one in unready],
            purchase_ids=[],
            bonus_ids=[one.bonus_id for one in given],
        )
        return Delivery(number, program, actor, unready, [], bonuses=given)


def bonus_of(activity: Activity, member: Member) -> Bonus:
    """What an activity gives."""
    asked = activity.asked
    return Bonus(
        activity.bonus_id,
        member.member_no,
        member.member_id,
        activity.judgement.points,
        asked.event_time,
        activity.record_time,
        activity.expire_time,
        f"Activity {asked.activity_id}",
    )


async def _known(connection: Connection, program: Program, member: Member, asked: Asked) -> Activity | None:
    """The activity, where it is recorded; None where it may be, for a member who is alive."""
    why = ended(program, member)
    known = await activities.find(connection, program, asked.activity_id)
    if why is not None and (known is None or member.ended is Ended.ERASED):
        raise why
    if known is not None and known.asked != asked:
        fields = (("member", "member_id"), ("activity_type", "type_id"), ("event_time",) * 2, ("attributes",) * 2)
        differing = [told for told, name in fields if getattr(known.asked, name) != getattr(asked, name)]
        raise ActivityDiffers(f"{program.name}/activities/{asked.activity_id}", ",".join(differing))
    return known


async def _judge(
    connection: Connection, program: Program, member: Member, asked: Asked, now: datetime
) -> tuple[Activity, Sequence[Anew]]:
    """What an activity brings, after all that was awarded before; and later ones that it has judged anew."""
    one = await _type_of(connection, program, asked)
    if one is None:
        raise NotFound(type_name(program, asked.type_id))
    if one.archived:
        raise ActivityTypeArchived(type_name(program, asked.type_id))
    if one.occasion is not None:
        raise InvalidField.of("activity.activity_type", "must not be of an occasion, which is given by itself")
    late = await judged_in_place(connection, program, member, asked, one.terms, now)
    if late is not None:
        judgement, later = late
    else:
        within = spans(asked.event_time, program.time_zone)
        past = await activities.past(connection, member.member_no, one.type_id, asked.event_time, within)
        judgement, later = judge(one.terms, asked.event_time, within, past), []
    expires = None
    if judgement.points:
        span = None if one.terms.expiry else await kept(connection, program, member, asked.event_time)
        expires = expire_time(program, one.terms.expiry, span, asked.event_time)
    state = None
    if judgement.points:
        state = State.LAPSED if expires is not None and expires <= now else State.PENDING
    return Activity(asked, one.version, one.terms, judgement, now, expires, state), later


async def _type_of(connection: Connection, program: Program, asked: Asked) -> ActivityType | None:
    """The type of an activity: as it is, or, where late events are judged anew, as it was."""
    if program.has_timelines:
        return await activities.find_type_at(connection, program, asked.type_id, asked.event_time)
    return await activities.find_type(connection, program, asked.type_id)


def _check(asked: Asked, latest: datetime) -> None:
    wrong = list(attribute_violations(asked.attributes))
    if not EPOCH <= asked.event_time <= latest:
        wrong.append(FieldViolation("event_time", "must be between 1970 and five minutes from now"))
    if wrong:
        raise InvalidField(wrong).within("activity")
