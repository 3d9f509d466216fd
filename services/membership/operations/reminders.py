"""Reminders that points expire. The ledger tells what is still there when one is due; that it was told is written with
the event, so that it is told once, by however many workers and after any crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from guerdon_kit.clock import Clock
from guerdon_kit.days import first_instant
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database
from membership.clients.ledger import Ledger
from membership.domain.deliveries import Delivery
from membership.domain.reminders import Reminder, horizon, next_look, reminders
from membership.operations.events import points_expiring
from membership.store import expiry_watches, members, programs
from membership.store.expiry_watches import Watch

ACTOR = "membership"
"""On whose behalf the ledger is asked: nobody asks for a reminder."""


async def look_again(connection: Connection, delivery: Delivery, now: datetime) -> None:
    """Has members looked at for points that have come to the ledger: who looked before found nothing of them there."""
    program = delivery.program
    if not program.settings.expiry_reminder_days:
        return
    came = [(one.member_id, one.expire_time) for one in delivery.purchases]
    came += [(one.member_id, one.expire_time) for one in delivery.bonuses]
    came += [(one.member_id, one.expire_time) for one in delivery.changes]
    came += [(one.member_id, one.welcome_expire_time) for one in delivery.members]
    numbers = await members.numbers(connection, program, sorted({member_id for member_id, _ in came}))
    await expiry_watches.watch(connection, program, ((numbers[id_], expires) for id_, expires in came), now)


class Reminders:
    """Tells members' points that expire."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def advance(self, member_no: int) -> None:
        """Tells what is due for a member today, and has it looked at when more may be.

        Raises:
            OutcomeUnknown, RemoteError: the ledger did not answer, or refused for a reason of its own.
        """
        async with self._database.acquire() as connection:
            found = await expiry_watches.find(connection, member_no)
            if found is None:
                return
            program = await programs.by_no(connection, found.program_no)
            member = await members.by_no(connection, member_no)
        now, zone = self._clock.now(), ZoneInfo(program.time_zone)
        today, days = now.astimezone(zone).date(), program.settings.expiry_reminder_days
        told: list[Reminder] = []
        look: datetime | None = None
        if member.ended is None:
            until = horizon(days, zone, today)
            expiring = await self._ledger.expiring(program, member.account_id, ACTOR, until)
            if expiring is None:  # the account is not open yet
                look = first_instant(today + timedelta(days=1), zone)
            else:
                told = reminders(expiring, days, zone, found.seen_day, today)
                look = next_look(expiring, days, zone, today)
        events = [points_expiring(program, member, one, now) for one in told]
        await self._database.run(lambda connection: _tell(connection, found, today, look, events))


async def _tell(
    connection: Connection, found: Watch, today: date, look: datetime | None, events: Sequence[Event]
) -> None:
    if await expiry_watches.move(connection, found, today, look):
        await publish(connection, *events)
