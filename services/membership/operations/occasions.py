"""Birthdays and anniversaries: given by themselves, a day at a time, once a year for each member.

A member's bonus of a year is an activity whose id tells the year, so that it is given once, whoever looks and how
often. The days that were missed are made up for, those of a year at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from guerdon_kit.clock import Clock
from guerdon_kit.days import first_instant
from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection, Database
from membership.domain.activities import Activity, ActivityType, Asked, Judgement, Occasion
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.domain.sliding import expire_time
from membership.operations.activities import bonus_of
from membership.operations.events import activity_recorded
from membership.store import activities, bonuses, deliveries, occasions

CHUNK = 500
"""Members given their bonus in one transaction."""
MADE_UP_MAX = timedelta(days=365)
ACTOR = "membership"
"""On whose behalf: nobody asks for an occasion."""
_WORDS = {Occasion.BIRTHDAY: "birthday", Occasion.ENROLLMENT_ANNIVERSARY: "anniversary"}


class Occasions:
    """Gives what is due for occasions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def advance(self, key: occasions.Key) -> None:
        """Gives what is due for an occasion up to today, and has it looked at again when the next day begins. The
        bonuses are brought to the ledger by the loop over deliveries.
        """
        async with self._database.acquire() as connection:
            found = await occasions.find(connection, key)
        if found is None:
            return
        program, given_through = found
        zone = ZoneInfo(program.time_zone)
        today = self._clock.now().astimezone(zone).date()
        for day in days_due(given_through, today):
            await self._give_day(program, key, day)
        tomorrow = first_instant(today + timedelta(days=1), zone)
        await self._database.run(lambda connection: occasions.put_off(connection, key, tomorrow))

    async def _give_day(self, program: Program, key: occasions.Key, day: date) -> None:
        after: int | None = 0
        while after is not None:
            give = partial(self._give, program=program, type_id=key[1], day=day, after=after)
            after = await self._database.run(give)
        await self._database.run(lambda connection: occasions.finish_day(connection, key, day))

    async def _give(self, connection: Connection, program: Program, type_id: str, day: date, after: int) -> int | None:
        """Gives one chunk its bonuses; answers the number of its last member, None where it was the last chunk."""
        one = await activities.hold_type(connection, program, type_id)
        assert one is not None, "types are not deleted"
        if one.archived or one.occasion is None:
            return None
        celebrating = await occasions.celebrating(connection, program, one.occasion, day, after, CHUNK)
        if not celebrating:
            return None
        now = self._clock.now()
        by_id = {f"{_WORDS[one.occasion]}.{day.year}.{member.member_no}": member for member in celebrating}
        begins = first_instant(day, ZoneInfo(program.time_zone))
        new = activities.NewActivities(
            type_id,
            one.version,
            begins,
            {},
            Judgement(one.terms.points),
            list(by_id),
            [member.member_no for member in by_id.values()],
        )
        written = await activities.insert(connection, program, new, now, ACTOR)
        given = {known: member for known, member in by_id.items() if known in written}
        await _reward(connection, program, one, begins, given, now)
        return celebrating[-1].member_no if len(celebrating) == CHUNK else None


async def _reward(
    connection: Connection,
    program: Program,
    one: ActivityType,
    begins: datetime,
    given: dict[str, Member],
    now: datetime,
) -> None:
    """Writes the bonuses of activities that were written, and has them brought to the ledger."""
    expires = expire_time(program, one.terms.expiry, None, begins)
    recorded = [
        Activity(
            Asked(activity_id, member.member_id, one.type_id, begins, {}),
            one.version,
            one.terms,
            Judgement(one.terms.points),
            now,
            expires,
            State.PENDING,
        )
        for activity_id, member in given.items()
    ]
    await publish(connection, *(activity_recorded(program, activity) for activity in recorded))
    due = await bonuses.insert(
        connection,
        program,
        [bonus_of(activity, member) for activity, member in zip(recorded, given.values(), strict=True)],
        now,
    )
    if due:
        unready = sorted(member.member_no for member in given.values() if member.state is State.PENDING)
        await deliveries.insert(
            connection,
            program,
            ACTOR,
            now,
            member_nos=unready,
            purchase_ids=[],
            bonus_ids=[bonus.bonus_id for bonus in due],
        )


def days_due(given_through: date, today: date) -> Iterator[date]:
    """The days whose bonuses are to be given, in their order."""
    day = max(given_through + timedelta(days=1), today - MADE_UP_MAX)
    while day <= today:
        yield day
        day += timedelta(days=1)
