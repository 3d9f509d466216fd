"""Making award budgets and funding them."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.award_budgets import AwardBudgetBook
from recognition.domain.acting import Acting
from recognition.domain.award_budgets import AwardBudget, NewAwardBudget, budget_name, check_amount
from recognition.domain.errors import RoleRequired
from recognition.domain.payouts import Payout, WantedPayouts
from recognition.domain.roles import Role
from recognition.operations import organisations
from recognition.operations.acting import require_role, viewer_id
from recognition.operations.seeing import is_admin
from recognition.store import award_budgets as store
from recognition.store import payouts
from recognition.store.positions import Position


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget, what it has left, and what it owes."""

    budget: AwardBudget
    available_amount: int
    unpaid_amount: int


class AwardBudgets:
    """Award budgets, each with an account in the ledger."""

    def __init__(self, database: Database, book: AwardBudgetBook, clock: Clock) -> None:
        self._database = database
        self._book = book
        self._clock = clock

    async def create(
        self, fingerprint: Fingerprint, budget: NewAwardBudget, acting: Acting
    ) -> tuple[AwardBudget, bool]:
        """Makes a budget; answers it, and whether this is a replay.

        The account comes first, as an organisation's does: a crash in between leaves one behind that is empty, and that
        the same request finds.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such organisation.
            RoleRequired: the caller is no admin.
            AlreadyExists: the id is taken.
        """
        budget.check()
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, budget.organisation)
            await require_role(connection, budget.organisation, acting, Role.ADMIN)
            new = await requests.find(connection, fingerprint) is None
        if new:
            await self._book.create(employer, budget, acting.actor)

        async def work(connection: Connection) -> bytes:
            if not await store.insert(connection, budget, acting.actor, self._clock.now()):
                raise AlreadyExists(budget.name)
            return budget.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            return await find(connection, budget.organisation, budget.id), replayed

    async def fund(
        self, fingerprint: Fingerprint, organisation: str, budget: str, amount: int, acting: Acting
    ) -> tuple[str, bool]:
        """Moves points from the organisation's budget; answers the ledger's transaction, and whether this is a replay.

        The ledger is asked under an id that follows from the caller's, so that a crash before the answer is written
        down does no harm: the same request gets the same answer from the ledger.

        Raises:
            InvalidField: it is no amount of points.
            NotFound: there is no such budget.
            RoleRequired: the caller is no admin.
            FundingRefused: the ledger refused: of too little in the organisation's budget for ever, so that a later try
                needs another request id; of a frozen one for now.
        """
        check_amount("amount", amount)
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            await require_role(connection, organisation, acting, Role.ADMIN)
            found = await find(connection, organisation, budget)
            told = await requests.find(connection, fingerprint)
        if told is not None:
            return told.decode(), True
        transaction = await self._book.fund(employer, found, amount, f"fund-{fingerprint.key.hex()}", acting.actor)

        async def work(connection: Connection) -> bytes:
            await payouts.hasten(connection, organisation, budget, self._clock.now())
            return transaction.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        return outcome.decode(), replayed

    async def standing(self, organisation: str, budget: str) -> Standing:
        """A budget, with what it has left.

        Raises:
            NotFound: there is no such budget.
        """
        async with self._database.acquire() as connection:
            found = await find(connection, organisation, budget)
            unpaid = await payouts.unpaid_amount(connection, organisation, budget)
        return Standing(found, await self._book.available(found), unpaid)

    async def list_after(self, organisation: str, after: str, most: int) -> list[AwardBudget]:
        """At most so many of an organisation's budgets, by id, from after `after` on.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.list_after(connection, organisation, after, most)

    async def list_payouts(
        self, organisation: str, wanted: WantedPayouts, viewer: str | None, size: int, token: str, acting: Acting
    ) -> tuple[list[Payout], str]:
        """A page of what budgets pay or are to pay, newest first, and the token of the next one. The viewer is the
        acting person where None is named.

        Raises:
            InvalidField: the size or the token is malformed.
            NotFound: there is no such organisation or viewer.
            ScopeRequired: the viewer is another than the acting person.
            RoleRequired: the viewer is no admin.
        """
        size = page_size(size)
        async with self._database.acquire() as connection:
            person = await viewer_id(connection, organisation, viewer, acting)
            if not await is_admin(connection, organisation, viewer, acting):
                raise RoleRequired(Role.ADMIN.name)
            state = wanted.state.value if wanted.state else ""
            query = ("ListPayouts", organisation, person or "", wanted.budget or "", state, wanted.person or "")
            position = Position(*read_place(token, query, END), size + 1)
            found = await payouts.list_wanted(connection, organisation, wanted, person, position)
        return cut(found, size, query, lambda one: (one.create_time, one.id))


async def find(connection: Connection, organisation: str, budget: str) -> AwardBudget:
    """The budget of that id.

    Raises:
        NotFound: there is none.
    """
    found = await store.find(connection, organisation, budget)
    if found is None:
        raise NotFound(budget_name(organisation, budget))
    return found
