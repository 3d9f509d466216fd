"""Granting each period's allowance: once to each person, however many workers are at it, however late.

A grant is planned in this service's database (one row for each person and period), and posted under an id derived from
person and period. Planning twice meets the row, posting twice meets the ledger's record of the id. Each person's grant
is posted whole or not at all; whom the budget does not reach waits for it to be funded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Unavailable
from guerdon_kit.events import Event, publish
from guerdon_kit.grpc import OutcomeUnknown, RemoteError
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.acting import Acting
from recognition.domain.allowances import BUDGET_EXHAUSTED, Allowance, Grant, Purpose, Settlement, settle
from recognition.domain.errors import NoAllowancePlan, PeriodNotCurrent
from recognition.domain.organisations import Organisation
from recognition.domain.periods import Period, check_period, day_at
from recognition.domain.plans import Plan, in_force, period_on
from recognition.operations import organisations, people
from recognition.operations.acting import acting_person
from recognition.store import allowances as store
from recognition.store import plans as plan_store

BUDGET_SHORT = "guerdon.recognition.v1.budget_short"
BATCH = 1000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Granted:
    """What one request granted: to how many people, of a period, until when; and how many wait for the budget now."""

    period: str
    first_day: date
    granted: int
    existing: int
    expire_time: datetime
    short: int = 0


class Granting:
    """The periods' allowances."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lease = lease

    async def grant(self, fingerprint: Fingerprint, organisation: str, period: str) -> tuple[Granted, bool]:
        """Grants the current period to all who have not had it; answers what it did, and whether this is a replay.

        Raises:
            InvalidField: `period` is none.
            NotFound: there is no such organisation.
            NoAllowancePlan: it has no plan.
            PeriodNotCurrent: it is not the current period of the organisation's zone.
            Unavailable: not all is posted yet; it will be, and the same request tells.
        """
        if period:
            check_period(period, "period")

        async def work(connection: Connection) -> bytes:
            employer = await organisations.find(connection, organisation)
            now = self._clock.now()
            plan, current = await self._current(connection, employer, now)
            if period not in ("", current.name):
                raise PeriodNotCurrent(period, current.name)
            # The job leaves them to this call for the length of a lease.
            done = await store.plan(connection, employer, plan.terms, current, due_time=now + self._lease)
            return _encode(Granted(current.name, current.first_day, done.planned, done.existing, current.end_time))

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        granted = _decode(outcome)
        await self._post_period(organisation, granted.first_day)
        async with self._database.acquire() as connection:
            short = await store.count_short(connection, organisation, granted.first_day)
        return replace(granted, short=short), replayed

    async def allowance(self, organisation: str, person: str, acting: Acting) -> Allowance:
        """What the person may still give.

        Raises:
            ScopeRequired: it is another's than the acting person's.
            NotFound: there is no such person.
        """
        async with self._database.acquire() as connection:
            await acting_person(connection, organisation, acting, person)
            employer = await organisations.find(connection, organisation)
            owner = await people.find(connection, organisation, person)
            plans = await plan_store.find(connection, organisation)
            current = period_on(plans, day_at(self._clock.now(), employer.time_zone), employer.time_zone)
            granted = {}
            if current is not None:
                granted = await store.granted_amounts(
                    connection, organisation, [person], Purpose.GIVE, current.first_day
                )
        available, expiring = await self._ledger.allowance(owner)
        return Allowance(organisation, person, current, granted.get(person, 0), available, expiring)

    async def plan_due(self) -> int:
        """Plans the current period wherever that is still to be done; answers for how many people. Where that cannot be
        done now it is left for the next time, and keeps no other organisation from its period.
        """
        planned = 0
        now = self._clock.now()
        async with self._database.acquire() as connection:
            days = {calendar: day_at(now, calendar[0]) for calendar in await plan_store.calendars(connection)}
            due = await plan_store.unplanned(connection, days)
        for organisation in due:
            try:
                async with self._database.transaction() as connection:
                    employer = await organisations.find(connection, organisation)
                    plan, current = await self._current(connection, employer, now)
                    done = await store.plan(connection, employer, plan.terms, current, due_time=now)
            except (Unavailable, NoAllowancePlan) as error:
                _log.warning("planning_waits", organisation=organisation, error=str(error))
                continue
            planned += done.planned
        return planned

    async def post_due(self) -> int:
        """Posts at most a batch of what is due, and answers how many grants that were. A program that the ledger does
        not serve now keeps no other one from its grants: its own are due again when their lease ends.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            grants = await store.claim(connection, now, now + self._lease, BATCH)
        for program, of_program in groupby(sorted(grants, key=_program), key=_program):
            try:
                await self._post(list(of_program))
            except (OutcomeUnknown, RemoteError) as error:
                _log.warning("granting_waits", program=program, error=str(error))
        return len(grants)

    async def _current(self, connection: Connection, employer: Organisation, now: datetime) -> tuple[Plan, Period]:
        """The plan that holds, which stays so until the transaction ends, and its period."""
        plans = await plan_store.share(connection, employer.id)
        day = day_at(now, employer.time_zone)
        plan, period = in_force(plans, day), period_on(plans, day, employer.time_zone)
        if plan is None or period is None:
            raise NoAllowancePlan(employer.name)
        return plan, period

    async def _post_period(self, organisation: str, first_day: date) -> None:
        """Posts what is left of an organisation's period, whoever else is at it."""
        after = ("", "")
        while True:
            async with self._database.acquire() as connection:
                grants = await store.unposted(connection, organisation, first_day, after, BATCH)
            if not grants:
                return
            try:
                await self._post(grants)
            except OutcomeUnknown as error:
                raise Unavailable from error
            after = (grants[-1].person, grants[-1].purpose.value)

    async def _post(self, grants: Sequence[Grant]) -> None:
        refusals = await self._ledger.grant(grants)
        now = self._clock.now()
        settlements = [
            settle(grant, refusal, now) for grant, refusal in zip(grants, refusals, strict=True) if refusal is not None
        ]
        for settlement in settlements:
            if settlement.refusal:
                _log.warning(
                    "grant_refused",
                    organisation=settlement.grant.organisation,
                    person=settlement.grant.person,
                    reason=settlement.refusal,
                    state=settlement.state.value,
                )

        async def work(connection: Connection) -> None:
            await store.settle(connection, settlements)
            await _tell_shortages(connection, settlements, now)

        await self._database.run(work, repeatable=True)  # who wakes grants locks them in another order


async def _tell_shortages(connection: Connection, settlements: Sequence[Settlement], now: datetime) -> None:
    """Tells once for each period that the budget is too short for it."""
    short = {
        (settlement.grant.organisation, settlement.grant.period): settlement.grant
        for settlement in settlements
        if settlement.refusal == BUDGET_EXHAUSTED
    }
    for (organisation, period), grant in sorted(short.items()):
        if await store.note_shortage(connection, organisation, period):
            await publish(connection, _short(grant, now))


def _short(grant: Grant, now: datetime) -> Event:
    organisation = f"organisations/{grant.organisation}"
    return Event(
        type=BUDGET_SHORT,
        subject=organisation,
        key=organisation,
        time=now,
        data={"budget_account": grant.budget_account, "period": grant.period_name},
    )


def _program(grant: Grant) -> str:
    return grant.program


def _encode(granted: Granted) -> bytes:
    times = [granted.first_day.isoformat(), granted.expire_time.isoformat()]
    return json.dumps([granted.period, granted.granted, granted.existing, *times]).encode()


def _decode(outcome: bytes) -> Granted:
    period, granted, existing, first_day, expire_time = json.loads(outcome)
    return Granted(period, date.fromisoformat(first_day), granted, existing, datetime.fromisoformat(expire_time))
