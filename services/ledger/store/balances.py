"""Reads balances from PostgreSQL, many accounts in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Connection, Database, load_queries
from ledger.domain.book import Book, facts
from ledger.domain.errors import BalanceOverflow
from ledger.domain.model import BALANCE_MAX, NEVER, Account, Balance
from ledger.store import reader, rows

queries = load_queries("ledger")

EXPIRIES_MAX = 100

FullBalance = tuple[Balance, list[tuple[datetime, int]]]
"""A balance, and how much of it expires when, soonest first: the first of it."""


class BalanceReader:
    """Balances at a moment, whatever the sweeper has booked so far."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, accounts: Iterable[Account], now: datetime) -> dict[int, Balance]:
        """The balances of member accounts, by account id."""
        found: dict[int, Balance] = {}
        for shard, mine in _by_shard(accounts).items():
            async with self._database.acquire() as connection:
                books = await read_books(connection, shard, mine)
            found |= {book.account.id: book.balance() for book in books if book.valid_until > now}
            due = {book.account.id: book.account for book in books if book.valid_until <= now}
            if due:
                found |= {book.account.id: settled(book, now) for book in await self._full(shard, due)}
        return found

    async def read_full(
        self, accounts: Iterable[Account], now: datetime, after: datetime | None = None
    ) -> dict[int, FullBalance]:
        """The balances of member accounts with what expires when, by account id; only what expires `after` a time."""
        begin = now if after is None else max(now, after)
        return {
            book.account.id: (settled(book, now), _expiries(book, begin))
            for shard, mine in _by_shard(accounts).items()
            for book in await self._full(shard, mine)
        }

    async def read_system(self, account: Account) -> Balance:
        """The balance of a system account.

        Raises:
            BalanceOverflow: it is out of the range of int64, which nothing keeps it in.
        """
        async with self._database.acquire() as connection:
            posted, available = await _system(connection, account)
        if max(abs(posted), abs(available)) > BALANCE_MAX:
            raise BalanceOverflow(account.name, BALANCE_MAX)
        return Balance(account, posted, available=available)

    async def _full(self, shard: int, accounts: dict[int, Account]) -> list[Book]:
        """Accounts with their lots and holds, all of one snapshot."""
        async with (
            self._database.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            books = await read_books(connection, shard, accounts)
            await reader.load(connection, books)
        return books


def _by_shard(accounts: Iterable[Account]) -> dict[int, dict[int, Account]]:
    by_shard: dict[int, dict[int, Account]] = {}
    for account in accounts:
        by_shard.setdefault(account.shard, {})[account.id] = account
    return by_shard


def _expiries(book: Book, begin: datetime) -> list[tuple[datetime, int]]:
    expiries: dict[datetime, int] = {}
    for lot in book.lots.values():
        if begin < lot.expire_time < NEVER and lot.open:
            expiries[lot.expire_time] = expiries.get(lot.expire_time, 0) + lot.open
    return sorted(expiries.items())[:EXPIRIES_MAX]


async def _system(connection: Connection, account: Account) -> tuple[int, int]:
    """What a system account has, and what its credit limit leaves of it: both of one moment."""
    if account.limitable:
        row = await queries.left_of(connection, shard=account.shard, account=account.id)
        if row is not None:
            return int(row["available"]) - int(row["credit_limit"]), int(row["available"])
    return int(await queries.system_balance(connection, shard=account.shard, account=account.id)), 0


async def read_books(connection: Connection, shard: int, accounts: dict[int, Account]) -> list[Book]:
    """The books of member accounts of one shard, without their lots and holds.

    Raises:
        Unavailable: one of them is gone.
    """
    found = [
        rows.book(row, accounts[row["id"]])
        async for row in queries.account_states(connection, shard=shard, ids=list(accounts))
    ]
    if len(found) < len(accounts):  # the database was put back to an earlier point since they were found
        raise Unavailable
    return found


def settled(book: Book, now: datetime) -> Balance:
    """The balance that the clock has made of a book, before anybody has booked it."""
    state = facts(book.lots.values(), book.holds.values(), now)
    return Balance(
        book.account,
        book.posted,
        state.held,
        state.pending,
        book.debt,
        state.free - book.debt,
        book.earned,
        book.spent,
        book.version,
        state.valid_until,
        book.state,
    )
