"""Billing: what was redeemed in a month, as counted from the ledger, and kept once the month is over for good.

Months are told apart by when the ledger recorded a redemption, so that what is final stays true: what is counted was
recorded so long ago that nothing is recorded before it any more.
"""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Database
from recognition.domain.billing import Redemption, Statement
from recognition.domain.errors import NotBilled, StatementNotFinal
from recognition.domain.organisations import Organisation
from recognition.domain.periods import Period, PeriodKind, calendar_period, month_named
from recognition.operations import organisations
from recognition.operations.journal import Journal
from recognition.store import billing as store
from recognition.store import journal

CLOSED_AT_ONCE = 100


class Billing:
    """The organisations' statements."""

    def __init__(self, database: Database, journal: Journal, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock

    async def get(self, organisation: str, month_name: str) -> Statement:
        """What the organisation owes for a month.

        Raises:
            InvalidField: `month_name` is no month.
            NotFound: there is no such organisation, or it was not there in that month, or it has not begun.
            NotBilled: it is not billed on redemption, or was not in that month.
            Unavailable: the ledger does not tell now.
        """
        employer, month, stored = await self._find(organisation, month_name)
        if stored is not None:
            return stored
        async with self._journal.settled(employer.program) as (connection, position):
            stored = await store.find(connection, employer.id, month)
            if stored is not None:  # it has become final meanwhile
                return stored
            billed = await store.billed(connection, employer.id)
            redeemed, returned = await journal.redeemed(connection, employer.id, month.first_day)
        if billed is None or month.first_day < billed.unbilled_month:
            raise NotBilled(employer.name)
        recent = await self._journal.recent(employer, position)
        came = [one.points for one in recent.counted.redemptions.get((employer.id, month.first_day), [])]
        redeemed += sum(points for points in came if points > 0)
        returned -= sum(points for points in came if points < 0)
        return Statement(employer.id, month, False, redeemed, returned, billed.minor_units, billed.currency_code)

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
        """Makes statements final of months that are over and counted: a bounded number at each look, the oldest months
        first, and an organisation's one after the other. Answers how many.
        """
        async with self._database.acquire() as connection:
            due = await store.unbilled(connection, CLOSED_AT_ONCE)
        return sum([await self._close(organisation) for organisation in due])

    async def _close(self, organisation: str) -> bool:
        """Whether the organisation's oldest month without a final statement has one now."""
        async with self._database.transaction() as connection:
            billed = await store.lock_billed(connection, organisation)
            if billed is None:  # another worker is at it, or it is no more billed: by terms just set
                return False
            employer = await organisations.find(connection, organisation)
            month = calendar_period(PeriodKind.MONTH, billed.unbilled_month, employer.time_zone)
            if (await journal.find(connection, employer.program)).counted_time < month.end_time:
                return False
            redeemed, returned = await journal.redeemed(connection, organisation, month.first_day)
            final = Statement(organisation, month, True, redeemed, returned, billed.minor_units, billed.currency_code)
            await store.save(connection, final, self._clock.now())
        return True

    async def _find(self, organisation: str, month_name: str) -> tuple[Organisation, Period, Statement | None]:
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            month = month_named(month_name, employer.time_zone, "name")
            if month.end_time <= employer.create_time or month.start_time > self._clock.now():
                raise NotFound(f"{employer.name}/billingStatements/{month_name}")
            return employer, month, await store.find(connection, organisation, month)
