"""Granting each month's allowance: once to each person, however many workers are at it, however late.

A grant is planned in this service's database (one row for each person and month), and posted under an id derived from
person and month. Planning twice meets the row, posting twice meets the ledger's record of the id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Unavailable
from guerdon_kit.grpc import OutcomeUnknown, RemoteError
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.acting import Acting
from recognition.domain.allowances import Allowance, Grant, settle
from recognition.domain.errors import PeriodNotCurrent
from recognition.domain.periods import check_period, month_at
from recognition.operations import organisations, people
from recognition.operations.acting import acting_person
from recognition.store import allowances as store
from recognition.store import organisations as organisation_store

BATCH = 1000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Granted:
    """What one request granted: to how many people, of a month, until when."""

    period: str
    granted: int
    existing: int
    expire_time: datetime


class Granting:
    """The months' allowances."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lease = lease

    async def grant(self, fingerprint: Fingerprint, organisation: str, period: str) -> tuple[Granted, bool]:
        """Grants the current month to all who have not had it; answers what it did, and whether this is a replay.

        Raises:
            InvalidField: `period` is no month.
            NotFound: there is no such organisation.
            PeriodNotCurrent: it is not the current month of the organisation's zone.
            Unavailable: not all is posted yet; it will be, and the same request tells.
        """
        if period:
            check_period(period, "period")

        async def work(connection: Connection) -> bytes:
            employer = await organisations.find(connection, organisation)
            now = self._clock.now()
            month = month_at(now, employer.time_zone)
            if period not in ("", month.period):
                raise PeriodNotCurrent(period, month.period)
            # The job leaves them to this call for the length of a lease.
            plan = await store.plan(connection, employer, month, due_time=now + self._lease)
            return _encode(Granted(month.period, plan.planned, plan.existing, month.end_time))

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        granted = _decode(outcome)
        await self._post_month(organisation, granted.period)
        return granted, replayed

    async def allowance(self, organisation: str, person: str, acting: Acting) -> Allowance:
        """What the person may still give in the current month.

        Raises:
            ScopeRequired: it is another's than the acting person's.
            NotFound: there is no such person.
        """
        async with self._database.acquire() as connection:
            await acting_person(connection, organisation, acting, person)
            employer = await organisations.find(connection, organisation)
            owner = await people.find(connection, organisation, person)
            month = month_at(self._clock.now(), employer.time_zone)
            granted = await store.granted_amount(connection, organisation, person, month.first_day)
        available = await self._ledger.available(owner)
        return Allowance(organisation, person, month.period, granted, available, month.end_time)

    async def plan_due(self) -> int:
        """Plans the current month wherever that is still to be done; answers for how many people. Where that cannot be
        done now it is left for the next time, and keeps no other organisation from its month.
        """
        planned = 0
        now = self._clock.now()
        async with self._database.acquire() as connection:
            months = {zone: month_at(now, zone) for zone in await organisation_store.zones(connection)}
            first_days = {zone: month.first_day for zone, month in months.items()}
            due = await organisation_store.unplanned(connection, first_days)
        for employer in due:
            try:
                async with self._database.transaction() as connection:
                    plan = await store.plan(connection, employer, months[employer.time_zone], due_time=now)
            except Unavailable:
                _log.warning("planning_waits", organisation=employer.id)
                continue
            planned += plan.planned
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

    async def _post_month(self, organisation: str, period: str) -> None:
        """Posts what is left of an organisation's month, whoever else is at it."""
        first_day = datetime.strptime(period, "%Y-%m").date()  # noqa: DTZ007 - a calendar day has no zone
        after = ""
        while True:
            async with self._database.acquire() as connection:
                grants = await store.unposted(connection, organisation, first_day, after, BATCH)
            if not grants:
                return
            try:
                await self._post(grants)
            except OutcomeUnknown as error:
                raise Unavailable from error
            after = grants[-1].person

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
        async with self._database.transaction() as connection:
            await store.settle(connection, settlements)


def _program(grant: Grant) -> str:
    return grant.program


def _encode(granted: Granted) -> bytes:
    return json.dumps([granted.period, granted.granted, granted.existing, granted.expire_time.isoformat()]).encode()


def _decode(outcome: bytes) -> Granted:
    period, granted, existing, expire_time = json.loads(outcome)
    return Granted(period, granted, existing, datetime.fromisoformat(expire_time))
