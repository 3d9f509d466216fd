"""The standing of members: read, brought forward by what is recorded, and told when it changes.

Where points count by calendar years the years tell the level, and purchases pay nothing for more. Elsewhere what counts
is kept by day, and a member's tier is looked at whenever something was recorded and on the days on which it may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from guerdon_kit.clock import Clock
from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection, Database
from membership.domain.levels import Levels, Turn, catch_up, counted_of, walked
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.purchases import Purchase
from membership.domain.tier_policy import Held
from membership.domain.tiers import Progress, progress
from membership.operations.events import tier_turned
from membership.store import members, programs, standings, year_ends

PAGE = 500
"""Members of whom the end of a year is told in one transaction."""


class Taken(NamedTuple):
    """What a return takes of a purchase, in points and minor units, or the rejection of its award."""

    points: int
    amount: int = 0
    nothing_left: bool = False
    """Whether nothing of the purchase is kept any more."""


async def levels_for(connection: Connection, program: Program, member_nos: Sequence[int]) -> Levels | None:
    """What rates these members' purchases, where years do not."""
    policy = program.settings.tier_policy
    if policy.plain:
        return None
    return Levels(policy, program.calendar, await standings.walks(connection, program, member_nos))


async def keep(connection: Connection, program: Program, levels: Levels, now: datetime) -> None:
    """Writes what rated purchases added, and has their members' tiers looked at."""
    if levels.added:
        await standings.add(connection, levels.added)
        await standings.look_again(connection, program, {member_no for member_no, _ in levels.added}, now)


async def take_off(
    connection: Connection,
    program: Program,
    member: Member,
    purchase: Purchase,
    taken: Taken,
    now: datetime,
) -> None:
    """Takes off what is taken of a purchase; a tier reached by it is lost at once. The member's row is held."""
    policy, calendar = program.settings.tier_policy, program.calendar
    year, this = calendar.year_at(purchase.event_time), calendar.year_at(now)
    if policy.plain and taken.points:
        before = await _in_year(connection, program, member, this)
        await members.lower_year(connection, member.member_no, year, taken.points)
        after = await _in_year(connection, program, member, this)
        if after < before:
            turn = Turn(calendar.day_at(now), before, Held(after, None))
            await publish(connection, tier_turned(program, member.member_id, turn, now))
    if policy.plain:
        return
    if taken.points:  # rules may ask for the year's points
        await members.lower_year(connection, member.member_no, year, taken.points)
    counted = counted_of(policy, taken.points, taken.amount, visit=taken.nothing_left)
    if counted:
        await standings.lower(connection, member.member_no, calendar.day_at(purchase.event_time), counted)
        await standings.look_again(connection, program, [member.member_no], now)


async def _in_year(connection: Connection, program: Program, member: Member, year: int) -> int:
    points = await members.years(connection, [member.member_no], [year - 1, year])
    return program.tier_set.level(points.get((member.member_no, year), 0), points.get((member.member_no, year - 1), 0))


async def read(
    connection: Connection, program: Program, found: Sequence[Member], moment: datetime
) -> dict[int, Progress]:
    """Where members stand at a moment, by their numbers."""
    tiers, calendar = program.tier_set, program.calendar
    member_nos = [member.member_no for member in found]
    if not program.settings.tier_policy.plain:
        walks, day = await standings.walks(connection, program, member_nos), calendar.day_at(moment)
        return {member_no: walked(walk, tiers, calendar, day) for member_no, walk in walks.items()}
    year = calendar.year_at(moment)
    points = await members.years(connection, member_nos, [year - 1, year])
    return {
        no: progress(tiers, calendar, year, points.get((no, year), 0), points.get((no, year - 1), 0))
        for no in member_nos
    }


class Standings:
    """Tells what changes by itself: what counts later, and tiers whose time is over. Once, whoever looks: what is told
    is written with the event, under the lock on the member's row.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def advance(self, member_no: int) -> None:
        """Tells what changed for a member up to today, day by day, and has it looked at again when it may change."""
        await self._database.run(lambda connection: self._tell(connection, member_no))

    async def _tell(self, connection: Connection, member_no: int) -> None:
        now = self._clock.now()
        program, member_id, ended, told = await standings.hold(connection, member_no)
        if ended:
            await standings.tell(connection, member_no, told, None)
            return
        walk = (await standings.walks(connection, program, [member_no]))[member_no]
        told, turns, following = catch_up(walk, told, program.calendar.day_at(now))
        await publish(connection, *(tier_turned(program, member_id, turn, now) for turn in turns))
        due_time = None if following is None else program.calendar.start_of_day(following)
        await standings.tell(connection, member_no, told, due_time)

    async def end_years(self, program_no: int) -> None:
        """Tells what the ends of the years that are over changed in a program by whose calendar years points count."""
        async with self._database.acquire() as connection:
            program = await programs.by_no(connection, program_no)
        while await self._database.run(lambda connection: self._end_year(connection, program)):
            pass

    async def _end_year(self, connection: Connection, program: Program) -> bool:
        """Tells one page of members; answers whether there is more to do now."""
        now, calendar = self._clock.now(), program.calendar
        year, after = await year_ends.hold(connection, program.program_no)
        end = calendar.start_of_year(year + 1)
        if end > now:
            await year_ends.move(connection, program.program_no, year, after, end)
            return False
        lowest = min(tier.threshold for tier in program.settings.tiers if tier.threshold)
        found = await year_ends.members(connection, program, year, lowest, after, PAGE)
        told = ((one.member_id, _year_end(program, year, one)) for one in found if not one.ended)
        await publish(connection, *(tier_turned(program, who, turn, now) for who, turn in told if turn))
        if len(found) == PAGE:
            await year_ends.move(connection, program.program_no, year, found[-1].member_no, end)
        else:
            await year_ends.move(connection, program.program_no, year + 1, 0, calendar.start_of_year(year + 2))
        return True


def _year_end(program: Program, year: int, one: year_ends.AtYearEnd) -> Turn | None:
    """What the end of a year changes: the tier is another, or one that would have been lost is kept."""
    tiers, calendar = program.tier_set, program.calendar
    before, after = tiers.level(one.year_points, one.previous_year_points), tiers.level(0, one.year_points)
    if after == before and tiers.level(0, one.previous_year_points) < before:
        return None  # reached in this year: it was told then that it is kept through the next
    floor = tiers.level(0, 0)
    if after == before == floor:
        return None
    kept_until = None if after == floor else calendar.day_at(calendar.start_of_year(year + 2))
    return Turn(calendar.day_at(calendar.start_of_year(year + 1)), before, Held(after, kept_until))
