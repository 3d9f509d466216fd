"""What changes of accounts apart from their points."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from ledger.domain.lifecycle import StateOrder
from ledger.domain.model import Account, AccountState
from ledger.operations.batch import Done
from ledger.operations.commit import Committer
from ledger.operations.work import ChangeState
from ledger.store.directory import queries


class Accounts:
    """Freezes and closes accounts, and reads what they are."""

    def __init__(self, database: Database, committer: Committer) -> None:
        self._database = database
        self._committer = committer

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

    async def state(self, account: Account) -> AccountState:
        """The account's state now."""
        async with self._database.acquire() as connection:
            return AccountState(await queries.account_state(connection, shard=account.shard, id=account.id))
