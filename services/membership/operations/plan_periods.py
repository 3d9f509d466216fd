"""What members have of paid membership: bought, used, cancelled, lapsed. All of it under the lock on the member's row,
so that a period in which a purchase uses a benefit is not refunded at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.endings import ended
from membership.domain.errors import PlanArchived, PlanNotHeld, TooManyPeriods
from membership.domain.members import Ended, Member
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.plans import PERIODS_MAX, HeldPlan, Period, covering, held_at, lapses, next_period, refundable
from membership.domain.program import Program
from membership.domain.rating import Entry
from membership.domain.rulebooks import Rulebook
from membership.operations.plan_events import plan_bought, plan_cancelled, plan_lapsed
from membership.operations.plans import find, plan_name
from membership.store import members, plan_periods

Work = Callable[[Connection], Awaitable[bytes]]
"""Does what a request asks for, and answers the numbers of periods as JSON."""


class PlanPeriods:
    """Periods of plans."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def buy(
        self, program: Program, member_id: str, plan_id: str, fingerprint: Fingerprint, actor: str
    ) -> tuple[Period, bool]:
        """Has a member hold a plan for a period, from now on or from the end of the last one; answers it, and whether
        this is a replay.

        Raises:
            NotFound: there is no such member, or no such plan.
            MemberClosed, MemberErased: the membership has ended.
            PlanArchived: the plan is sold no more.
            TooManyPeriods: so many are bought ahead already.
        """

        async def work(connection: Connection) -> bytes:
            member, now = await _hold(connection, program, member_id), self._clock.now()
            plan = await find(connection, program, plan_id)
            if plan.archived:
                raise PlanArchived(plan_name(program, plan_id))
            standing = await _standing(connection, member, now)
            if len(standing) >= PERIODS_MAX:
                raise TooManyPeriods(f"{program.name}/members/{member.member_id}", PERIODS_MAX)
            period = next_period(standing, plan_id, plan.terms, now, program.time_zone)
            number = await plan_periods.insert(connection, program, member.member_no, period, actor)
            await publish(connection, plan_bought(program, member, period, now))
            return json.dumps([number]).encode()

        [period], replayed = await self._once(fingerprint, work)
        return period, replayed

    async def use(self, program: Program, member_id: str, fingerprint: Fingerprint) -> tuple[Period, bool]:
        """Has a member use a benefit of the plan that it holds; answers the period, and whether this is a replay.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
            PlanNotHeld: it holds none now.
        """

        async def work(connection: Connection) -> bytes:
            member, now = await _hold(connection, program, member_id), self._clock.now()
            period = covering(await _standing(connection, member, now), now)
            if period is None:
                raise PlanNotHeld(f"{program.name}/members/{member.member_id}")
            await plan_periods.use(connection, [(member.member_no, to_microseconds(now))])
            return json.dumps([period.period_no]).encode()

        [period], replayed = await self._once(fingerprint, work)
        return period, replayed

    async def cancel(self, program: Program, member_id: str, fingerprint: Fingerprint) -> tuple[Sequence[Period], bool]:
        """Cancels the periods of a member in which no benefit was used; answers them, to be refunded in full, and
        whether this is a replay. Who has left has paid for them, too.

        Raises:
            NotFound: there is no such member.
            MemberMerged: another one has its periods.
            PlanNotHeld: nothing runs or is to come.
        """

        async def work(connection: Connection) -> bytes:
            member, now = await _hold(connection, program, member_id, left=True), self._clock.now()
            standing = await _standing(connection, member, now)
            if not standing:
                raise PlanNotHeld(f"{program.name}/members/{member.member_id}")
            cancelled = refundable(standing, now)
            numbers = [one.period_no for one in cancelled]
            if cancelled:
                await plan_periods.cancel(connection, numbers, now)
                await publish(connection, plan_cancelled(program, member, cancelled, now))
            return json.dumps(numbers).encode()

        return await self._once(fingerprint, work)

    async def page(self, program: Program, member_id: str, before: int, most: int) -> list[Period]:
        """What a member bought, the latest first, from before a number on.

        Raises:
            NotFound: there is no such member.
        """
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, member_id)
            if member is None:
                raise NotFound(f"{program.name}/members/{member_id}")
            return await plan_periods.page(connection, member.member_no, before, most)

    async def advance(self, period_no: int) -> None:
        """Tells, once, that a plan has lapsed with a period that is over; nothing where another prolongs it, or where
        the membership has ended.
        """
        await self._database.run(lambda connection: self._tell(connection, period_no))

    async def _tell(self, connection: Connection, period_no: int) -> None:
        found = await plan_periods.owner(connection, period_no)
        if found is None:
            return
        program, member_no = found
        member = await members.by_no(connection, member_no)
        member = await members.hold(connection, program, member.member_id)
        if await plan_periods.owner(connection, period_no) is None:  # told meanwhile: now nobody else does
            return
        [period] = await plan_periods.some(connection, [period_no])
        standing = await _standing(connection, member, period.end_time)
        if member.ended is None and lapses(standing, period):
            await publish(connection, plan_lapsed(program, member, period, self._clock.now()))
        await plan_periods.end(connection, period_no)

    async def _once(self, fingerprint: Fingerprint, work: Work) -> tuple[list[Period], bool]:
        """Has `work` done once; answers the periods whose numbers it answers, as they are now, and whether this is a
        replay.
        """
        outcome, replayed = await once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            return await plan_periods.some(connection, json.loads(outcome)), replayed


async def held_plans(connection: Connection, member_nos: Sequence[int], moment: datetime) -> dict[int, HeldPlan]:
    """The plans that members hold at a moment, by their numbers; those who hold none are absent."""
    found = await plan_periods.standing(connection, member_nos, moment)
    return {member_no: held for member_no, some in found.items() if (held := held_at(some, moment)) is not None}


async def asked_of_plans(connection: Connection, book: Rulebook, entries: Sequence[Entry]) -> dict[int, list[Period]]:
    """The periods of the members of purchases, by their numbers, as far as the rules in force at the purchases ask."""
    asking = [entry for entry in entries if book.at(entry.event_us).plan_rule_nos]
    if not asking:
        return {}
    first = from_microseconds(min(entry.event_us for entry in asking))
    member_nos = sorted({entry.member_no for entry in asking})
    found = await plan_periods.standing(connection, member_nos, first)
    return {member_no: found.get(member_no, []) for member_no in member_nos}


async def _hold(connection: Connection, program: Program, member_id: str, *, left: bool = False) -> Member:
    """A member, its row locked; one that has `left` only where that is right."""
    member = await members.hold(connection, program, member_id)
    why = ended(program, member)
    if why is not None and not (left and member.ended in {Ended.CLOSED, Ended.ERASED}):
        raise why
    return member


async def _standing(connection: Connection, member: Member, moment: datetime) -> list[Period]:
    return (await plan_periods.standing(connection, [member.member_no], moment)).get(member.member_no, [])
