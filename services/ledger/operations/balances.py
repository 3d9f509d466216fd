"""Reading balances: from the cache where that may be believed, else from PostgreSQL; both in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from guerdon_kit.clock import Clock
from ledger.domain.errors import VersionNotReached
from ledger.domain.model import Account, Balance
from ledger.operations.grouped import Grouped
from ledger.store.balances import BalanceReader, FullBalance
from ledger.store.cache import BalanceCache


class Balances:
    """Reads balances."""

    def __init__(self, reader: BalanceReader, cache: BalanceCache, clock: Clock) -> None:
        self._reader = reader
        self._cache = cache
        self._clock = clock
        self._cached: Grouped[Account, Balance | None] = Grouped(self._from_cache)
        self._stored: Grouped[Account, Balance] = Grouped(self._from_store)

    async def get(self, account: Account, min_version: int = 0) -> Balance:
        """An account's balance now, of `min_version` or later.

        Raises:
            VersionNotReached: the account has not come to that version.
        """
        if not account.is_member:
            return _reached(await self._reader.read_system(account), min_version)
        balance = await self._cached.get(account)
        if balance is not None and balance.version >= min_version:
            return balance
        return _reached(await self._stored.get(account), min_version)

    async def get_full(self, account: Account, min_version: int = 0, after: datetime | None = None) -> FullBalance:
        """The balance and what expires when, `after` a time, from PostgreSQL. Raises VersionNotReached."""
        [(balance, expiries)] = await self.get_many_full([account], after)
        return _reached(balance, min_version), expiries

    async def get_many_full(self, accounts: Sequence[Account], after: datetime | None = None) -> list[FullBalance]:
        """The balances of accounts and what expires when, `after` a time, in their order, from PostgreSQL."""
        members = [account for account in accounts if account.is_member]
        found = await self._reader.read_full(members, self._clock.now(), after)
        return [
            found[account.id] if account.is_member else (await self._reader.read_system(account), [])
            for account in accounts
        ]

    async def get_many(self, accounts: Sequence[Account]) -> list[Balance]:
        """The balances of accounts, in their order."""
        members = [account for account in accounts if account.is_member]
        cached = await self._from_cache(members)
        missing = [account for account in members if cached[account] is None]
        found = {account: balance for account, balance in cached.items() if balance is not None}
        if missing:
            found |= await self._from_store(missing)
        for account in accounts:
            if not account.is_member:
                found[account] = await self._reader.read_system(account)
        return [found[account] for account in accounts]

    async def _from_cache(self, accounts: list[Account]) -> Mapping[Account, Balance | None]:
        found = await self._cache.read(accounts, self._clock.now())
        return {account: found[account.id] for account in accounts}

    async def _from_store(self, accounts: list[Account]) -> Mapping[Account, Balance]:
        """Reads from PostgreSQL and fills the cache, unless its generation moved on meanwhile."""
        ticket = self._cache.ticket()
        found = await self._reader.read(accounts, self._clock.now())
        await self._cache.fill(ticket, list(found.values()))
        return {account: found[account.id] for account in accounts}


def _reached(balance: Balance, min_version: int) -> Balance:
    if balance.version < min_version:
        raise VersionNotReached(account=balance.account.name, version=balance.version, min_version=min_version)
    return balance
