"""How an organisation pays: its terms, of which the ledger is told the credit limit, and what its budget has."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Unavailable
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.budgets import BALANCES_MAX, BudgetLedger
from recognition.domain.budgets import Budget, BudgetMode, BudgetTerms
from recognition.domain.organisations import Organisation
from recognition.domain.periods import PeriodKind, day_at
from recognition.domain.plans import period_on
from recognition.operations import organisations
from recognition.store import allowances, billing, disbursements, plans
from recognition.store import budgets as store

POLL_S = 0.05


class Budgets:
    """The organisations' budgets."""

    def __init__(self, database: Database, ledger: BudgetLedger, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lease = lease

    async def set_terms(
        self, fingerprint: Fingerprint, organisation: str, terms: BudgetTerms, actor: str
    ) -> tuple[BudgetTerms, bool]:
        """Sets an organisation's terms, in force when this answers; answers them, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such organisation.
            Unavailable: they are set, and the ledger has not answered; the recovery tells it, and the same request
                waits for that. Or nothing is set, as a month is not billed yet that is over, which nobody would bill.
        """
        terms.check()

        async def work(connection: Connection) -> bytes:
            employer = await organisations.find(connection, organisation)
            now = self._clock.now()
            first_month, month = (
                PeriodKind.MONTH.first_day(day_at(time, employer.time_zone)) for time in (employer.create_time, now)
            )
            billed = await billing.billed(connection, organisation)
            if terms.mode is BudgetMode.PREPAID and billed is not None and billed.unbilled_month < month:
                raise Unavailable
            await store.save(
                connection, organisation, terms, actor, now, due_time=now, first_month=first_month, month=month
            )
            return organisation.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        while True:
            async with self._database.acquire() as connection:
                found = await store.find(connection, organisation)
                assert found is not None, "terms are never deleted"
                if found.told:
                    return found.terms, replayed
                now = self._clock.now()
                mine = await store.claim_one(connection, organisation, now, now + self._lease)
            if mine:
                try:
                    await self.tell(organisation)
                except OutcomeUnknown as error:
                    raise Unavailable from error
            else:
                await asyncio.sleep(POLL_S)

    async def tell(self, organisation: str) -> None:
        """Tells the ledger the credit limit of terms that this worker has the lease of. Whoever waited for the budget
        is granted then what it reaches for.

        Raises:
            OutcomeUnknown: the ledger did not answer; it is told again.
            RemoteError: the ledger does not serve us; it is told again.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            found = await store.find(connection, organisation)
        assert found is not None, "terms are never deleted"
        await self._ledger.limit(employer, found.terms.credit_limit, found.version, found.actor)

        async def work(connection: Connection) -> None:
            await store.mark_told(connection, organisation, found.version, self._clock.now())
            await allowances.wake_short(connection, organisation)

        await self._database.run(work, repeatable=True)

    async def get(self, organisation: str) -> Budget:
        """What the organisation's budget has, and where its points are.

        Raises:
            NotFound: there is no such organisation.
        """
        granted = waiting = 0
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            found = await store.find(connection, organisation)
            day = day_at(self._clock.now(), employer.time_zone)
            period = period_on(await plans.find(connection, organisation), day, employer.time_zone)
            if period is not None:
                granted, waiting = await allowances.period_amounts(connection, organisation, period.first_day)
            funded = await disbursements.funded_amount(connection, organisation)
        balance = await self._ledger.balance(employer, employer.budget_account)
        return Budget(
            organisation=organisation,
            account=employer.budget_account,
            terms=found.terms if found else None,
            balance=balance.posted,
            available_amount=balance.available if found else None,
            funded_amount=funded,
            period=period,
            granted_amount=granted,
            waiting_amount=waiting,
            outstanding_amount=await self._outstanding(employer),
        )

    async def _outstanding(self, employer: Organisation) -> int:
        total, after = 0, ""
        while True:
            async with self._database.acquire() as connection:
                accounts = await store.granted_accounts(connection, employer.id, after, BALANCES_MAX)
            total += sum(await self._ledger.available(employer, accounts))
            if len(accounts) < BALANCES_MAX:
                return total
            after = accounts[-1]
