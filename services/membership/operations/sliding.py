"""Activity that keeps a member's points: how long is written with what was recorded, under the lock on the member's
row, and the lots in the ledger are extended afterwards, once for all that a member did meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database
from membership.clients.ledger import Ledger
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.sliding import Span, joined, slide, sliding
from membership.store import merges, slides

ACTOR = "membership"
"""On whose behalf: nobody asks for it."""
SETTLING = timedelta(seconds=1)
"""How long what was recorded with it has to come to the ledger first."""


class SlideWaits(Exception):
    """Something is still on its way to the account: it would not be extended."""


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
    longer = (one for one, span in changed.items() if one not in before or span.until > before[one].until)
    due_times = {one: now + SETTLING for one in longer if one not in new and spans[one].until > now}
    await slides.write(connection, program, changed, due_times)
    return spans


async def kept(connection: Connection, program: Program, member: Member, event_time: datetime) -> Span | None:
    """What a member's span would be after an activity; None where the program's expiry does not slide."""
    policy = sliding(program)
    if policy is None:
        return None
    before = await slides.of(connection, [member.member_no])
    return slide(before.get(member.member_no), policy, [event_time], program.time_zone)


async def merge(connection: Connection, program: Program, member: Member, into: Member) -> None:
    """Has the survivor's points kept by what both did; those that follow are extended when they have come."""
    if sliding(program) is None:
        return
    found = await slides.of(connection, [member.member_no, into.member_no])
    if member.member_no in found:
        span = found[member.member_no]
        both = joined(found[into.member_no], span) if into.member_no in found else span
        await slides.write(connection, program, {into.member_no: both}, {})


class Sliding:
    """Extends lots in the ledger."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def advance(self, member_no: int) -> None:
        """Extends a member's open lots as far as activity keeps them.

        Raises:
            SlideWaits: something is still on its way to the account.
            OutcomeUnknown, RemoteError: the ledger did not answer, or refused for a reason of its own.
        """
        async with self._database.acquire() as connection:
            due = await slides.find(connection, member_no)
            if due is None:
                return
            alive = due.member.ended is None and due.span.until > self._clock.now()
            if alive and await merges.coming(connection, due.program, member_no):
                raise SlideWaits
        if alive:
            request_id = f"x-{member_no}-{due.round}"
            await self._ledger.extend(due.program, due.member.account_id, due.span.until, request_id, ACTOR)
        await self._database.run(lambda connection: slides.finish(connection, due))
