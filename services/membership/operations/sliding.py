"""Activity that keeps a member's points: how long is written with what was recorded, under the lock on the member's
row, and the lots in the ledger are extended afterwards, once for all that a member did meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database
from membership.clients.ledger import Ledger
from membership.domain.deliveries import Delivery
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.sliding import Span, joined, lengthens, slide, sliding
from membership.store import slides

ACTOR = "membership"
"""On whose behalf: nobody asks for it."""


async def keep(
    connection: Connection,
    program: Program,
    event_times: Mapping[int, Sequence[datetime]],
    new: Set[int],
    now: datetime,
) -> dict[int, Span]:
    """Keeps the points of members who did something; answers their spans: none where the expiry does not slide.

    The writer holds the members' rows. Those of them who are `new` have no lots that would expire before.
    """
    policy = sliding(program)
    if policy is None or not event_times:
        return {}
    before = await slides.of(connection, event_times)
    spans: dict[int, Span] = {}
    for member_no, times in event_times.items():
        span = slide(before.get(member_no), policy, times, program.time_zone)
        if span is not None:
            spans[member_no] = span
    changed = {one: span for one, span in spans.items() if span != before.get(one)}
    longer = {one for one, span in changed.items() if lengthens(before.get(one), span, now)}
    await slides.write(connection, program, changed, longer - new, now)
    return spans


async def spans_of(connection: Connection, program: Program, member_nos: Iterable[int]) -> dict[int, Span]:
    """How long activity, also that of this transaction, keeps the points of members: none where the expiry does not
    slide.
    """
    numbers = set(member_nos)
    return {} if sliding(program) is None or not numbers else await slides.of(connection, numbers)


async def kept(connection: Connection, program: Program, member: Member, event_time: datetime) -> Span | None:
    """What a member's span would be after an activity; None where the program's expiry does not slide."""
    policy = sliding(program)
    if policy is None:
        return None
    before = await slides.of(connection, [member.member_no])
    return slide(before.get(member.member_no), policy, [event_time], program.time_zone)


async def merge(connection: Connection, program: Program, member: Member, into: Member, now: datetime) -> None:
    """Has the survivor's points kept by what both did: its own from now on, since those that follow may be held for
    long; they are extended when they have come.
    """
    if sliding(program) is None:
        return
    found = await slides.of(connection, [member.member_no, into.member_no])
    if member.member_no in found:
        span, own = found[member.member_no], found.get(into.member_no)
        both = joined(own, span) if own is not None else span
        longer = {into.member_no} if lengthens(own, both, now) else set()
        await slides.write(connection, program, {into.member_no: both}, longer, now)


async def overtake(connection: Connection, delivery: Delivery, now: datetime) -> None:
    """Has the ledger asked again for members whose points of a delivery came after it was asked, as they were recorded
    before the activity that keeps them.
    """
    if sliding(delivery.program) is None:
        return
    came = [(one.member_id, one.record_time, one.expire_time) for one in delivery.purchases]
    came += [(one.member_id, one.record_time, one.expire_time) for one in delivery.bonuses]
    came += [(one.member_id, one.record_time, one.expire_time) for one in delivery.changes]
    came += [(one.member_id, one.enroll_time, one.welcome_expire_time) for one in delivery.members]
    await slides.overtake(connection, delivery.program, came, now)


class Sliding:
    """Extends lots in the ledger."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def advance(self, member_no: int) -> None:
        """Extends a member's open lots as far as activity keeps them.

        Raises:
            OutcomeUnknown, RemoteError: the ledger did not answer, or refused for a reason of its own.
        """
        async with self._database.acquire() as connection:
            due = await slides.find(connection, member_no)
            if due is None:
                return
        if due.member.ended is None and due.span.until > self._clock.now():
            request_id = f"x-{member_no}-{due.round}"
            await self._ledger.extend(due.program, due.member.account_id, due.span.until, request_id, ACTOR)
        await self._database.run(lambda connection: slides.finish(connection, due))
