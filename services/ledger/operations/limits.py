"""Credit limits of system accounts: set, raised, lowered, taken away, and listed. See docs/adr/0010.

A batch looks under lock at what is left of whatever may be limited. So a change is in force for every batch that locks
after it, in all workers. The first limit of an account has to count what went before: the row that batches lock is made
first; then what had begun without it is waited for; then, under its lock, the balance is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, Rerun, load_queries, requests
from ledger.domain.limits import CreditLimitChange, left_by
from ledger.domain.model import Account
from ledger.store import rows
from ledger.store.under_way import ended

queries = load_queries("ledger")

NEWEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LimitOrder:
    """A credit limit that is asked for. None: there is to be none any more."""

    account: Account
    credit_limit: int | None
    actor: str
    reason: str


class _NotCounted(Exception):
    """The account has no limit so far: what has gone out of it must be counted first."""


class CreditLimits:
    """Limits how far balances may go below zero."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def set(self, fingerprint: Fingerprint, order: LimitOrder) -> tuple[CreditLimitChange, bool]:
        """Sets an account's credit limit, or takes it away: once this returns, no batch decides by the one before.

        Answers the change, and whether the request had come before.

        Raises:
            InvalidField: an account of this kind has none.
            BalanceOverflow: the balance has left the range of int64.
        """
        account = order.account
        if not account.limitable:
            raise InvalidField.of("name", "must be a BUDGET or EXCHANGE account")
        try:
            number, replayed = await self._set(fingerprint, order, counted=False)
        except _NotCounted:
            async with self._database.acquire() as connection:
                await queries.insert_slice(connection, shard=account.shard, account=account.id)
            await ended(self._database)  # whatever may have found no row
            number, replayed = await self._set(fingerprint, order, counted=True)
        [change] = await self.changes(account, number + 1, 1)
        return change, replayed

    async def changes(self, account: Account, before: int, limit: int) -> Sequence[CreditLimitChange]:
        """The newest changes with a number below `before`, newest first."""
        async with self._database.acquire() as connection:
            return await _read(connection, account, before, limit)

    async def _set(self, fingerprint: Fingerprint, order: LimitOrder, *, counted: bool) -> tuple[int, bool]:
        async def work(connection: Connection) -> bytes:
            account = order.account
            where = {"shard": account.shard, "account": account.id}
            row = await queries.lock_slice(connection, **where)
            available = None
            if order.credit_limit is not None:
                posted = await self._posted(connection, account, row, counted=counted)
                available = left_by(account, order.credit_limit, posted)
            if row is not None:
                exact = None if available is None else Decimal(available)
                await queries.set_slice(connection, **where, credit_limit=order.credit_limit, available=exact)
            changes = await _read(connection, account, NEWEST, 1)
            number = changes[0].number + 1 if changes else 1
            inserted = await queries.insert_credit_limit_change(
                connection,
                **where,
                number=number,
                credit_limit=order.credit_limit,
                available=available,
                actor=order.actor,
                reason=order.reason,
                record_time=await queries.clock(connection) + self._clock.offset(),
            )
            if not inserted:
                raise Rerun  # somebody else changed it first
            return str(number).encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        return int(outcome), replayed

    async def _posted(self, connection: Connection, account: Account, row: Any, *, counted: bool) -> int:
        """The balance of an account whose `row` is locked. Raises _NotCounted where it cannot be known yet."""
        if row is not None and row["credit_limit"] is not None:
            return int(row["available"]) - int(row["credit_limit"])
        if row is None or not counted:
            raise _NotCounted
        # A statement of its own, after the lock: every batch that found the row has committed.
        return int(await queries.system_balance(connection, shard=account.shard, account=account.id))


async def _read(connection: Connection, account: Account, before: int, limit: int) -> list[CreditLimitChange]:
    found = queries.credit_limit_changes(
        connection, shard=account.shard, account=account.id, before=before, limit=limit
    )
    return [rows.credit_limit_change(row) async for row in found]
