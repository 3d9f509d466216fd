"""Billing: what was redeemed in a month, read from the ledger, and kept once the month is over for good.

Months are told apart by when the ledger recorded a redemption, so that what is final stays true: nothing is recorded in
a month that has been over for `SETTLING`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.grpc import OutcomeUnknown, RemoteError
from guerdon_kit.postgres import Database
from recognition.clients.budgets import BudgetLedger
from recognition.domain.billing import SETTLING, Redemption, Statement, statement
from recognition.domain.budgets import BudgetTerms
from recognition.domain.errors import NotBilled, StatementNotFinal
from recognition.domain.organisations import Organisation
from recognition.domain.periods import Period, PeriodKind, calendar_period, day_at, month_named
from recognition.operations import organisations
from recognition.store import billing as store
from recognition.store import budgets

_log = structlog.get_logger(__name__)


class Billing:
    """The organisations' statements."""

    def __init__(self, database: Database, ledger: BudgetLedger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def get(self, organisation: str, month_name: str) -> Statement:
        """What the organisation owes for a month.

        Raises:
            InvalidField: `month_name` is no month.
            NotFound: there is no such organisation, or it was not there in that month, or it has not begun.
            NotBilled: it is not billed on redemption.
            Unavailable: the ledger does not tell now.
        """
        employer, month, stored = await self._find(organisation, month_name)
        if stored is not None:
            return stored
        terms = await self._terms(employer)
        try:
            found = await self._redemptions(employer, month)
        except OutcomeUnknown as error:
            raise Unavailable from error
        return _statement(employer, month, found, terms, final=False)

    async def list_after(
        self, organisation: str, month_name: str, after: int, most: int
    ) -> list[tuple[int, Redemption]]:
        """At most so many of what a final statement is made of, with their positions, from after `after` on.

        Raises:
            InvalidField, NotFound: as `get`.
            StatementNotFinal: it is not final yet.
        """
        _, month, stored = await self._find(organisation, month_name)
        if stored is None:
            raise StatementNotFinal(month.name)
        async with self._database.acquire() as connection:
            return await store.list_after(connection, organisation, month, after, most)

    async def close_due(self) -> int:
        """Makes the statements of the last month final wherever that is still to be done; answers how many. Where the
        ledger does not tell now it is left for the next time.
        """
        now = self._clock.now()
        async with self._database.acquire() as connection:
            months = {zone: _last_month(now, zone) for zone in await store.zones(connection)}
            due = await store.unbilled(connection, months)
        closed = 0
        for organisation in due:
            try:
                await self._close(organisation, months)
            except (OutcomeUnknown, RemoteError, Unavailable, NotBilled) as error:  # no more billed: by terms just set
                _log.warning("billing_waits", organisation=organisation, error=str(error))
            else:
                closed += 1
        return closed

    async def _close(self, organisation: str, months: dict[str, Period]) -> None:
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
        month = months[employer.time_zone]
        terms = await self._terms(employer)
        found = await self._redemptions(employer, month)
        final = _statement(employer, month, found, terms, final=True)
        async with self._database.transaction() as connection:
            await store.save(connection, final, found, self._clock.now())

    async def _find(self, organisation: str, month_name: str) -> tuple[Organisation, Period, Statement | None]:
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            month = month_named(month_name, employer.time_zone, "name")
            if month.end_time <= employer.create_time or month.start_time > self._clock.now():
                raise NotFound(f"{employer.name}/billingStatements/{month_name}")
            return employer, month, await store.find(connection, organisation, month)

    async def _terms(self, employer: Organisation) -> BudgetTerms:
        async with self._database.acquire() as connection:
            found = await budgets.find(connection, employer.id)
        if found is None or found.terms.minor_units is None:
            raise NotBilled(employer.name)
        return found.terms

    async def _redemptions(self, employer: Organisation, month: Period) -> list[Redemption]:
        """What the organisation's people redeemed, out of all that the program's members did."""
        spends = await self._ledger.redemptions(employer, month.start_time, month.end_time)
        accounts = f"{employer.program_name}/accounts/"
        account_ids = {spend.account.removeprefix(accounts) for spend in spends}
        async with self._database.acquire() as connection:
            owners = await store.owners(connection, employer.id, account_ids)
        return [
            Redemption(owners[account_id], spend.transaction, spend.points, spend.record_time)
            for spend in spends
            if (account_id := spend.account.removeprefix(accounts)) in owners
        ]


def _statement(
    employer: Organisation, month: Period, found: Sequence[Redemption], terms: BudgetTerms, *, final: bool
) -> Statement:
    assert terms.minor_units is not None, "who is billed has a price of a point"
    return statement(employer.id, month, found, terms.minor_units, terms.currency_code, final=final)


def _last_month(now: datetime, zone: str) -> Period:
    """The last month that is over for good."""
    current = PeriodKind.MONTH.first_day(day_at(now - SETTLING, zone))
    return calendar_period(PeriodKind.MONTH, current - timedelta(days=1), zone)
