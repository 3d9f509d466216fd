"""Watching balances: the current ones, then every change.

One process reads what all its watchers want to know together: an account as soon as a worker tells that it has changed,
and every account once a second, which finds what was not told (Redis away, a message lost) and what the clock alone has
done. A watcher has a set of accounts of which it has not been told yet, so that a slow one grows no queue: it is told
the latest, as often as it can take it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import datetime

from guerdon_kit.errors import DomainError, Overloaded, Unavailable
from ledger.domain.errors import VersionNotReached
from ledger.domain.model import LONG_AGO, Account, Balance
from ledger.operations.balances import Balances
from ledger.store.changes import Changes

LOOK_EVERY_S = 1.0
READ_MAX = 500
"""The most balances that are read at once."""


class Watcher:
    """One call: what it has been told of each account, and of which accounts it has to be told."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.told = {account.id: (-1, LONG_AGO) for account in accounts}
        self.ended: DomainError | None = None
        self._due: set[int] = set()
        self._awake = asyncio.Event()

    def wake(self, account: int) -> None:
        """There is something new of an account."""
        self._due.add(account)
        self._awake.set()

    def end(self, error: DomainError) -> None:
        """It is told this, and nothing more."""
        self.ended = error
        self._awake.set()

    async def next(self, latest: Mapping[int, Balance]) -> list[Balance]:
        """What it has to be told, as soon as there is something. Raises what has ended it."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            if self.ended is not None:
                raise self.ended
            due, self._due = self._due, set()
            balances = [latest[id_] for id_ in sorted(due) if _moment(latest[id_]) > self.told[id_]]
            if balances:
                self.told.update((balance.account.id, _moment(balance)) for balance in balances)
                return balances


class Watching:
    """The watchers of one process."""

    def __init__(self, balances: Balances, changes: Changes, accounts_max: int) -> None:
        """`accounts_max` bounds the accounts of all watchers together, each counted as often as it is watched."""
        self._balances = balances
        self._changes = changes
        self._accounts_max = accounts_max
        self._accounts: dict[int, Account] = {}
        self._watchers: dict[int, set[Watcher]] = {}
        """By account id."""
        self._latest: dict[int, Balance] = {}
        self._count = 0
        self._wanted = asyncio.Event()
        self._stopped = False

    async def watch(self, accounts: Mapping[Account, int]) -> AsyncGenerator[list[Balance]]:
        """The balances of member accounts, each of its given version or later: the current ones, then every change.

        Raises:
            Overloaded: so many accounts more cannot be watched.
            Unavailable: balances cannot be read any more, or this process is about to end.
            VersionNotReached: an account has not come to the version given.
        """
        if self._stopped:
            raise Unavailable
        if self._count + len(accounts) > self._accounts_max:
            raise Overloaded
        watcher = Watcher(accounts)
        self._add(watcher, accounts)
        try:
            await self._read_first(accounts)
            for account in accounts:
                watcher.wake(account.id)
            while True:
                yield await watcher.next(self._latest)
        finally:
            self._remove(watcher)

    async def run(self) -> None:
        """A job: looks at what is watched, when it has changed and every second."""
        looked = 0.0
        while True:
            if not self._watchers:
                await self._changes.stop()
                self._wanted.clear()
                await self._wanted.wait()
            changed = await self._changes.next(max(0.0, looked + LOOK_EVERY_S - time.monotonic()))
            if time.monotonic() - looked >= LOOK_EVERY_S:
                looked = time.monotonic()
                changed = set(self._watchers)
            wanted = sorted(changed & self._watchers.keys())
            for start in range(0, len(wanted), READ_MAX):
                await self._look(wanted[start : start + READ_MAX])

    def stop(self) -> None:
        """Ends every watcher, so that none holds up the end of the process."""
        self._stopped = True
        self._end(list(self._watchers), Unavailable())

    async def _read_first(self, accounts: Mapping[Account, int]) -> None:
        for balance in await self._balances.get_many(list(accounts)):
            wanted = accounts[balance.account]
            reached = balance.version >= wanted
            self._learn(balance if reached else await self._balances.get(balance.account, wanted))

    async def _look(self, ids: list[int]) -> None:
        accounts = [self._accounts[id_] for id_ in ids if id_ in self._accounts]
        try:
            for balance in await self._balances.get_many(accounts):
                await self._believe(balance)
        except DomainError as error:
            self._end(ids, error)

    async def _believe(self, balance: Balance) -> None:
        """An older balance than is known comes from a cache that is about to be found out, or from a database that was
        put back to an earlier point: its watchers have been told what is not so any more. A version that comes again
        with other points is of such a database, too, and was written there since.
        """
        known = self._latest.get(balance.account.id)
        if known is not None and balance.version == known.version and _booked(balance) != _booked(known):
            self._end([balance.account.id], Unavailable())
            return
        if known is not None and balance.version < known.version:
            try:
                balance = await self._balances.get(balance.account, known.version)
            except VersionNotReached:
                self._end([balance.account.id], Unavailable())
                return
        self._learn(balance)

    def _learn(self, balance: Balance) -> None:
        id_ = balance.account.id
        known = self._latest.get(id_)
        if id_ in self._watchers and (known is None or _moment(known) < _moment(balance)):
            self._latest[id_] = balance
            for watcher in self._watchers[id_]:
                watcher.wake(id_)

    def _add(self, watcher: Watcher, accounts: Iterable[Account]) -> None:
        for account in accounts:
            self._accounts[account.id] = account
            self._watchers.setdefault(account.id, set()).add(watcher)
        self._count += len(watcher.told)
        self._wanted.set()

    def _remove(self, watcher: Watcher) -> None:
        for id_ in watcher.told:
            watchers = self._watchers[id_]
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[id_], self._accounts[id_]
                self._latest.pop(id_, None)
        self._count -= len(watcher.told)

    def _end(self, ids: Iterable[int], error: DomainError) -> None:
        for id_ in ids:
            for watcher in self._watchers.get(id_, ()):
                watcher.end(error)


def _booked(balance: Balance) -> tuple[int, int, int, int]:
    """What only another version can change."""
    return (balance.posted, balance.debt, balance.earned, balance.spent)


def _moment(balance: Balance) -> tuple[int, datetime]:
    """What orders the balances of one account: its changes, and between them what the clock alone has done."""
    return (balance.version, balance.valid_until)
