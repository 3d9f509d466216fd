"""Setting what managers are granted to give out, and seeing what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.budgets import BudgetLedger
from recognition.domain.acting import Acting
from recognition.domain.allowances import Purpose
from recognition.domain.errors import PersonDeactivated
from recognition.domain.managing import ManagerBudget
from recognition.domain.organisations import Organisation
from recognition.domain.periods import Period, day_at
from recognition.domain.plans import period_on
from recognition.domain.roles import Role
from recognition.operations import organisations, people
from recognition.operations.acting import require_role
from recognition.operations.disbursing import require_budget_holder
from recognition.store import allowances, plans
from recognition.store import manager_budgets as store


@dataclass(frozen=True, slots=True)
class ManagerStanding:
    """A manager's budget with what it was granted for the present `period` (None without a plan), and what is left."""

    budget: ManagerBudget
    account: str
    period: Period | None
    granted_amount: int
    available_amount: int


class ManagerBudgets:
    """The managers' budgets."""

    def __init__(self, database: Database, ledger: BudgetLedger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def set(self, fingerprint: Fingerprint, budget: ManagerBudget, actor: str) -> tuple[ManagerStanding, bool]:
        """Sets a manager's budget; answers it, and whether this is a replay.

        The account comes first: it is empty and has a name of its own, so that a crash in between leaves nothing behind
        that matters or that the same request would trip over.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such person.
            PersonDeactivated: they do not take part any more.
        """
        budget.check()
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, budget.organisation)
            await people.find(connection, budget.organisation, budget.person)
        await self._ledger.create_account(employer, budget.account_id, actor)

        async def work(connection: Connection) -> bytes:
            person = await people.find(connection, budget.organisation, budget.person)
            if not person.active:
                raise PersonDeactivated(person.name)
            await store.save(connection, budget, actor, self._clock.now())
            return budget.person.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            saved = await store.find(connection, budget.organisation, budget.person)
        assert saved is not None, "a budget is never deleted"
        [standing] = await self._standings(employer, [saved])
        return standing, replayed

    async def get(self, organisation: str, person: str, acting: Acting) -> ManagerStanding:
        """A manager's budget.

        Raises:
            NotFound: there is none.
            RoleRequired: who acts is neither the manager nor an admin.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            await require_budget_holder(connection, organisation, person, acting)
            budget = await store.find(connection, organisation, person)
        if budget is None:
            raise NotFound(f"organisations/{organisation}/people/{person}/managerBudget")
        [standing] = await self._standings(employer, [budget])
        return standing

    async def list_after(
        self, organisation: str, after: str, most: int, acting: Acting
    ) -> tuple[list[ManagerStanding], bool]:
        """At most so many of the organisation's, by person, from after `after` on, and whether others follow.

        Raises:
            NotFound: there is no such organisation.
            RoleRequired: who acts is no admin.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            await require_role(connection, organisation, acting, Role.ADMIN)
            budgets = await store.list_after(connection, organisation, after, most + 1)
        return await self._standings(employer, budgets[:most]), len(budgets) > most

    async def _standings(self, employer: Organisation, budgets: Sequence[ManagerBudget]) -> list[ManagerStanding]:
        async with self._database.acquire() as connection:
            day = day_at(self._clock.now(), employer.time_zone)
            period = period_on(await plans.find(connection, employer.id), day, employer.time_zone)
            granted = {}
            if period is not None:
                granted = await allowances.granted_amounts(
                    connection,
                    employer.id,
                    [budget.person for budget in budgets],
                    Purpose.MANAGE,
                    period.first_day,
                )
        available = await self._ledger.available(employer, [budget.account_id for budget in budgets])
        accounts = f"{employer.program_name}/accounts/"
        return [
            ManagerStanding(budget, accounts + budget.account_id, period, granted.get(budget.person, 0), left)
            for budget, left in zip(budgets, available, strict=True)
        ]
