"""What changes of accounts apart from their points, and lists of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from ledger.domain.lifecycle import StateOrder
from ledger.domain.model import Account, AccountKind, AccountState, Hold, HoldState, Program
from ledger.operations.batch import Done
from ledger.operations.commit import Committer
from ledger.operations.programs import check_labels
from ledger.operations.work import ChangeState
from ledger.store.directory import queries
from ledger.store.rows import account as account_of
from ledger.store.rows import hold as hold_of


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account as it is at one moment."""

    account: Account
    state: AccountState
    labels: Mapping[str, str]
    credit_limit: int | None


class Accounts:
    """Freezes, closes and labels accounts, and reads what they are and what is held on them."""

    def __init__(self, database: Database, committer: Committer, clock: Clock) -> None:
        self._database = database
        self._committer = committer
        self._clock = clock

    async def change_state(self, order: StateOrder, fingerprint: Fingerprint, deadline: float) -> Done:
        """Freezes, unfreezes or closes an account.

        Raises:
            InvalidField: a system account, which is always open. Its row is not locked by those who post to it: a
                state of it could not be kept.
            AccountFrozen, AccountNotFrozen, AccountClosed, AccountNotEmpty: under lock.
        """
        if not order.account.is_member:
            raise InvalidField.of("name", "must be a MEMBER account")
        [answer] = await self._committer.submit([ChangeState(fingerprint, order.account, order)], deadline)
        if isinstance(answer, DomainError):
            raise answer
        return answer

    async def update_labels(self, fingerprint: Fingerprint, account: Account, labels: Mapping[str, str]) -> bool:
        """Replaces an account's labels, or erases them; answers whether the request had come before.

        Raises:
            InvalidField: they are out of their bounds.
        """
        check_labels(labels, "labels")

        async def change(connection: Connection) -> bytes:
            if labels:
                await queries.set_labels(connection, shard=account.shard, account=account.id, labels=labels)
            else:
                await queries.erase_labels(connection, shard=account.shard, account=account.id)
            return b""

        _, replayed = await requests.once(self._database, fingerprint, change)
        return replayed

    async def get(self, account: Account) -> StoredAccount:
        """The account as it is now."""
        async with self._database.acquire() as connection:
            row = await queries.account_details(connection, shard=account.shard, id=account.id)
        return _stored(account, row)

    async def page(self, program: Program, kind: int, state: int, after: str, most: int) -> list[StoredAccount]:
        """The program's accounts with ids after `after`, in their order, at most `most`: of that kind and in that
        state, where these are not 0.
        """
        where = {"shard": program.shard, "program": program.number, "after": after, "limit": most}
        if kind not in (0, AccountKind.MEMBER):
            if state not in (0, AccountState.OPEN):
                return []  # system accounts are always open
            rows = partial(queries.system_accounts_of, kind=kind)
        elif state not in (0, AccountState.OPEN):
            rows = partial(queries.accounts_not_open_of, state=state)
        else:
            rows = partial(queries.accounts_of, kind=kind, state=state)
        async with self._database.acquire() as connection:
            return [_stored(account_of(row, program), row) async for row in rows(connection, **where)]

    async def holds(self, account: Account, state: int, before: int, most: int) -> list[tuple[int, Hold]]:
        """The holds on an account at positions below `before`, newest first, at most `most`, each with its position:
        in that state, where it is not 0. Positions differ between ACTIVE holds and all others.
        """
        where = {"shard": account.shard, "account": account.id, "before": before, "limit": most}
        rows = queries.active_holds_of if state == HoldState.ACTIVE else partial(queries.holds_of, state=state)
        async with self._database.acquire() as connection:
            return [(row["position"], hold_of(row)) async for row in rows(connection, **where, now=self._clock.now())]


def _stored(account: Account, row: Any) -> StoredAccount:
    return StoredAccount(account, AccountState(row["state"]), row["labels"] or {}, row["credit_limit"])
