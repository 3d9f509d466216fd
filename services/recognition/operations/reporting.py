"""What became of an organisation's points, month by month, as counted from the ledger."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.postgres import Database
from recognition.domain.acting import Acting
from recognition.domain.budget_reports import BudgetReport, report
from recognition.domain.insights import months
from recognition.domain.months import Month, months_from
from recognition.domain.organisations import Organisation
from recognition.domain.roles import Role
from recognition.operations import organisations
from recognition.operations.acting import require_role
from recognition.operations.journal import Journal
from recognition.store import budgets
from recognition.store import journal as store


class Reporting:
    """The organisations' budget reports."""

    def __init__(self, database: Database, journal: Journal, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock

    async def report(self, organisation: str, *, first: str, last: str, acting: Acting) -> BudgetReport:
        """What became of an organisation's points in some months.

        Raises:
            InvalidField: a period is malformed, or has not begun.
            NotFound: there is no such organisation.
            RoleRequired: who acts is no admin.
            Unavailable: the ledger does not tell now, or counting is behind after an outage.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            await require_role(connection, organisation, acting, Role.ADMIN)
        asked = _begun(employer, first, last, self._clock.now())
        async with self._journal.settled(employer.program) as (connection, position):
            flows = await store.flows(connection, organisation)
            terms = await budgets.find(connection, organisation)
        recent = await self._journal.recent(employer, position)
        flows.update(recent.counted.flows)
        credit_limit = terms.terms.credit_limit if terms else None
        return report(asked, flows, credit_limit, position.counted_time, recent.read_time)


def _begun(employer: Organisation, first: str, last: str, now: datetime) -> list[Month]:
    start, end = months(first, last, employer.time_zone)
    if end.start_time > now:
        raise InvalidField.of("last_period" if last else "first_period", "must have begun")
    return months_from(start, end, employer.time_zone)
