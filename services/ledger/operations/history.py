"""Balances at a time: as the ledger knew them, and as they stood before something happened."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database, load_queries
from ledger.domain.errors import BalanceOverflow, TooManyAccounts
from ledger.domain.model import BALANCE_MAX, NEVER, Account, Program
from ledger.operations.batch import UNLOCKED_MAX
from ledger.store.history import At, HistoryReader, TrialBalance
from ledger.store.under_way import ended

queries = load_queries("ledger")

LINES_MAX = 10_000


class History:
    """Reads balances at a time. What is read at a record time is the same whenever it is asked for."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reader = HistoryReader(database)

    async def balance(self, account: Account, at: At) -> tuple[int, int]:
        """The posted balance of an account, and the version it had at the record time; 0 for a system account.

        Raises:
            BalanceOverflow: a system account's balance is out of the range of int64, which nothing keeps it in.
        """
        await self._settle(at)
        if account.is_member:
            return await self._reader.member(account, at)
        return _within_range(account.name, await self._reader.system(account, at)), 0

    async def trial_balance(self, program: Program, at: At) -> TrialBalance:
        """What all accounts of a program have, in one snapshot.

        Raises:
            BalanceOverflow: as `balance`.
            TooManyAccounts: the program has more than 10,000 system accounts.
        """
        await self._settle(at)
        found = await self._reader.trial(program, at, LINES_MAX + 1)
        if len(found.system) > LINES_MAX:
            raise TooManyAccounts(program=program.name, limit=LINES_MAX)
        for one in found.system:
            _within_range(f"{program.name}/accounts/{one.name}", one.posted)
        for sum_ in found.members.values():
            _within_range(f"{program.name}/accounts/-", sum_)
        return found

    async def _settle(self, at: At) -> None:
        # Whoever read the clock before that time may commit after it: within a transaction that can be seen, or about
        # to begin one, for so long.
        if at.record_time < NEVER:
            async with self._database.acquire() as connection:
                now = await queries.clock(connection) + self._clock.offset()
            if (rest := at.record_time + UNLOCKED_MAX - now) > timedelta(0):
                await asyncio.sleep(rest.total_seconds())
            await ended(self._database)


def _within_range(name: str, posted: int) -> int:
    if abs(posted) > BALANCE_MAX:
        raise BalanceOverflow(name, BALANCE_MAX)
    return posted
