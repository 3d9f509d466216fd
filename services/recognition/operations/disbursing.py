"""Carrying out what somebody orders from a budget: its points move all together or not at all, and exactly once.

A disbursement is stored PENDING beside the record of its request, then the ledger is asked under an id derived from it,
then it is POSTED or REFUSED. A crash or a silent ledger leaves it PENDING: the recovery, or the same request sent
again, asks under the same id. Nothing is reserved here: what the ledger's account has is the limit, whoever asks at
once.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, Unavailable
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.budgets import BudgetLedger
from recognition.domain.acting import Acting
from recognition.domain.disbursements import Disbursement, DisbursementState, Disbursing, Order
from recognition.domain.errors import (
    AlreadyFunded,
    BudgetShort,
    DisbursementRefused,
    ManagerBudgetShort,
    NoManagerBudget,
    SelfGiving,
)
from recognition.domain.organisations import Organisation
from recognition.domain.people import person_name
from recognition.domain.roles import Role
from recognition.operations import organisations
from recognition.operations.acting import require_role
from recognition.store import allowances, manager_budgets, people
from recognition.store import disbursements as store

POLL_S = 0.05


class Disbursements:
    """Disbursements on their way."""

    def __init__(self, database: Database, ledger: BudgetLedger, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lease = lease

    async def disburse(self, fingerprint: Fingerprint, order: Order, acting: Acting) -> tuple[str, bool]:
        """Carries an order out; answers the ledger's transaction, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: the organisation or one of the people does not exist.
            RoleRequired: who acts is neither the manager nor an admin.
            NoManagerBudget, AlreadyFunded, SelfGiving, PersonDeactivated, ReceivingNotAllowed: as they say.
            BudgetShort, ManagerBudgetShort, DisbursementRefused: the ledger refused; the same request is refused again.
            Unavailable: it is taken in, and the ledger has not answered; the same request tells how it ended.
        """
        order.check()

        async def work(connection: Connection) -> bytes:
            disbursement = await self._checked(connection, order, acting)
            if not await store.insert(connection, disbursement, disbursement.create_time + self._lease):
                raise AlreadyFunded(order.note)
            return disbursement.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        key = store.Key(order.organisation, outcome.decode())
        return await self._finish(key, fresh=not replayed), replayed

    async def carry_out(self, key: store.Key) -> None:
        """Asks the ledger for a PENDING disbursement that this worker has the lease of, and writes down its answer.

        Raises:
            OutcomeUnknown: the ledger did not answer; it stays PENDING.
            RemoteError: the ledger does not serve us; it stays PENDING.
        """
        async with self._database.acquire() as connection:
            found = await _find(connection, key)
            if found.state is not DisbursementState.PENDING:
                return
            employer = await organisations.find(connection, key.organisation)
        try:
            transaction = await self._ledger.disburse(employer, found)
        except (BudgetShort, ManagerBudgetShort) as refusal:
            await self._refuse(found, refusal, int(refusal.metadata["available"]))
        except DisbursementRefused as refusal:
            await self._refuse(found, refusal, 0)
        else:
            await self._post(found, transaction)

    async def _checked(self, connection: Connection, order: Order, acting: Acting) -> Disbursement:
        employer = await organisations.find(connection, order.organisation)
        source_id = employer.budget_account_id
        if order.doing.by_manager:
            giver = await require_budget_holder(connection, order.organisation, order.manager, acting)
            if giver in order.receivers:
                raise SelfGiving(person_name(order.organisation, giver))
            budget = await manager_budgets.find(connection, order.organisation, order.manager)
            if budget is None:
                raise NoManagerBudget(person_name(order.organisation, order.manager))
            source_id = budget.account_id
        if order.doing is Disbursing.FUND:
            source_id = employer.issuance_account_id
        return Disbursement(
            id=new_id("db"),
            order=order,
            program=employer.program,
            source_id=source_id,
            destination_ids=await self._destinations(connection, employer, order),
            state=DisbursementState.PENDING,
            actor=acting.actor,
            create_time=self._clock.now(),
        )

    async def _destinations(self, connection: Connection, employer: Organisation, order: Order) -> tuple[str, ...]:
        """The accounts of who receives, the budget's of FUND. Who may receive may until the transaction ends."""
        if order.doing is Disbursing.FUND:
            return (employer.budget_account_id,)
        order.check_receivers(await people.lock(connection, order.organisation, order.receivers))
        found = await people.find(connection, order.organisation, order.receivers)
        receivers = [found[receiver] for receiver in order.receivers]
        if order.doing is Disbursing.AWARD:
            return tuple(receiver.rewards_account_id for receiver in receivers)
        return tuple(receiver.allowance_account_id for receiver in receivers)

    async def _finish(self, key: store.Key, *, fresh: bool) -> str:
        """Waits until it is settled, within the caller's deadline; by this worker if it has just taken it in (`fresh`),
        or if nobody else is at it.
        """
        mine = fresh
        while True:
            if mine:
                try:
                    await self.carry_out(key)
                except OutcomeUnknown as error:
                    raise Unavailable from error
            async with self._database.acquire() as connection:
                found = await _find(connection, key)
                if found.state is not DisbursementState.PENDING:
                    return found.outcome()
                now = self._clock.now()
                mine = await store.claim_one(connection, key, now, now + self._lease)
            if not mine:
                await asyncio.sleep(POLL_S)

    async def _post(self, disbursement: Disbursement, transaction: str) -> None:
        async def work(connection: Connection) -> None:
            await store.settle(connection, disbursement, DisbursementState.POSTED, transaction=transaction)
            if disbursement.order.doing is Disbursing.FUND:
                await allowances.wake_short(connection, disbursement.order.organisation)

        await self._database.run(work, repeatable=True)

    async def _refuse(self, disbursement: Disbursement, refusal: DomainError, available_amount: int) -> None:
        reason = refusal.metadata.get("ledger_reason", refusal.reason)
        async with self._database.transaction() as connection:
            await store.settle(
                connection,
                disbursement,
                DisbursementState.REFUSED,
                refusal=reason,
                available_amount=available_amount,
            )


async def require_budget_holder(connection: Connection, organisation: str, manager: str, acting: Acting) -> str:
    """The id of who acts: the manager themselves, an admin, or a caller who may act for others ('' where the token
    names nobody here).

    Raises:
        RoleRequired: neither.
    """
    own = await people.find_by_identity(connection, organisation, acting.identity)
    if own is not None and own[0] == manager:
        return manager
    return await require_role(connection, organisation, acting, Role.ADMIN) or ""


async def _find(connection: Connection, key: store.Key) -> Disbursement:
    found = await store.find(connection, key)
    assert found is not None, "what a request made is never deleted"
    return found
