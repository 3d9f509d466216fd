"""The balance cache in Redis. It never takes part in deciding a debit, and may be flushed at any moment.

Its promise is in docs/explanation/balance-cache.md. It is kept by a *generation*: a number in PostgreSQL that names
the keys which may be believed. A *sentinel* in Redis names the generation and the runs of both servers. Every read and
fill checks the sentinel in the same command, so that a Redis that was flushed or replaced answers nothing. Every
process compares generation, runs and sentinel several times a second, and the run at each new connection; whoever
finds them apart, or fails to write through after a commit, moves the generation on. In PostgreSQL each process also
tells the others that it lives, and whether it can reach Redis: nobody believes the cache while one of them cannot, and
when one has gone silent, whoever finds that moves the generation on for it.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from guerdon_kit.errors import DomainError
from guerdon_kit.events.streams import heed_cancellation
from guerdon_kit.postgres import Connection, Database, load_queries
from ledger.domain.book import Book
from ledger.domain.model import NEVER, STATE_OF, Account, Balance
from ledger.store import changes
from ledger.store.changes import CHANNEL

queries = load_queries("ledger")

CONFIRM_EVERY_S = 0.4
SILENT = timedelta(seconds=0.9)
"""A process that has not been heard of for so long may have been killed between a commit and its write to the cache."""
MOVES_TRIED = 5
"""How often a move is tried while others change the sentinel at the same time."""
BELIEVED_S = 1.5
"""A confirmation older than this counts for nothing: an answer is never older than two seconds."""
TTL_MAX_S = 24 * 3600

_SENTINEL = "guerdon:balances:sentinel"
_VALUE = struct.Struct(">9qB")
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# KEYS: the sentinel. ARGV: its value, what the keys of balances begin with, their life in milliseconds, and the
# balances, each as its account's id and its value: in one argument, because the client spends four microseconds on
# each; at last, where they were changed and not only read, what those who watch are told. A value begins with its
# version; the same version is written again, with the clock's next moment.
_WRITE = f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for at = 1, #ARGV[4], {8 + _VALUE.size} do
  local key = ARGV[2] .. string.format('%.0f', struct.unpack('>i8', ARGV[4], at))
  local new = string.sub(ARGV[4], at + 8, at + {7 + _VALUE.size})
  local old = redis.call('GETRANGE', key, 0, 7)
  if old == '' or struct.unpack('>i8', old) <= struct.unpack('>i8', new) then
    redis.call('SET', key, new, 'PX', ARGV[3])
  end
end
if ARGV[5] then redis.call('PUBLISH', '{CHANNEL}', ARGV[5]) end
return 1
"""

# KEYS: the sentinel. ARGV: what it was when it was looked at, empty for nothing, and what it is to be. One who looked
# before another changed it must not change it back.
_MOVE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""

Ticket = str
"""The sentinel as it was before PostgreSQL was read: a fill under another one is refused."""


class BalanceCache:
    """One process's view of the cache. With Redis away it answers nothing, and the service stays healthy."""

    def __init__(self, database: Database, log: structlog.typing.FilteringBoundLogger) -> None:
        self._database = database
        self._log = log
        self._sentinel: Ticket = ""
        """What the sentinel must say to be believed; empty while nothing may be."""
        self._confirmed = 0.0
        self._owes_a_move = True
        """Whether the generation has still to move on, because a committed change may not be in the cache. So it is at
        the start: a worker before this one may have been killed between a commit and its write.
        """
        self._worker = secrets.randbits(62)
        self._cut_off = False
        """Whether this process cannot reach Redis."""
        self._other_cut_off = False
        """Whether another one cannot: what it commits is not in the cache."""
        self._run = ""
        database.on_new_server(self._distrust)
        self._wake = asyncio.Event()
        self._confirming = asyncio.Lock()

    def use(self, redis: Redis) -> None:
        """Uses this Redis, whose connections call `checked_connection` when they are made."""
        self._redis = redis
        self._write = redis.register_script(_WRITE)
        self._move = redis.register_script(_MOVE)

    async def checked_connection(self, connection: Any) -> None:
        """A new connection may lead to a server that was started anew with older data: nothing is believed then."""
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        run = _run_id(await connection.read_response())
        if run != self._run:
            self._run, self._sentinel = run, ""
            self._doubt()

    def ticket(self) -> Ticket:
        """To be taken before PostgreSQL is read for a fill."""
        believed = not self._other_cut_off and time.monotonic() - self._confirmed < BELIEVED_S
        return self._sentinel if believed else ""

    async def read(self, accounts: Sequence[Account], now: datetime) -> dict[int, Balance | None]:
        """The cached balances by account id, None for each that is not there or may not be believed."""
        ticket = self.ticket()
        if not ticket or not accounts:
            return dict.fromkeys((account.id for account in accounts), None)
        try:
            sentinel, *values = await self._redis.mget(_SENTINEL, *(self._key(ticket, a.id) for a in accounts))
        except (RedisError, OSError, TimeoutError):
            self._doubt()
            return dict.fromkeys((account.id for account in accounts), None)
        if sentinel != ticket.encode() or ticket != self._sentinel:
            self._doubt()
            return dict.fromkeys((account.id for account in accounts), None)
        return {a.id: _decode(a, cast("bytes | None", value), now) for a, value in zip(accounts, values, strict=True)}

    async def fill(self, ticket: Ticket, balances: Sequence[Balance]) -> None:
        """Puts into the cache what was read from PostgreSQL after the ticket was taken."""
        if ticket and ticket == self._sentinel:
            await self._put(ticket, balances)

    async def write_through(self, books: Sequence[Book] | None) -> None:
        """Puts into the cache what a batch has committed, before anybody is answered. Where that fails, or where None
        says that a commit's outcome is unknown, the generation moves on, so that nobody believes the older values for
        longer than it takes to notice.
        """
        if books is None:
            self._sentinel, self._owes_a_move = "", True
            self._doubt()
            return
        ticket = self._sentinel
        told = changes.encode(book.account.id for book in books)
        if ticket and await self._put(ticket, [book.balance() for book in books], told):
            return
        await self._move_on()

    async def confirm_forever(self) -> None:
        """Compares generation, sentinel and run for as long as the process lives."""
        while True:
            heed_cancellation()
            self._wake.clear()
            try:
                await self.confirm()
            except (RedisError, OSError, TimeoutError, DomainError) as error:
                self._distrust()
                self._log.warning("balance_cache_off", error=type(error).__name__)
            try:
                async with asyncio.timeout(CONFIRM_EVERY_S):
                    await self._wake.wait()
                await asyncio.sleep(0.05)  # bounds the rate while something flaps
            except TimeoutError:
                continue

    async def confirm(self) -> None:
        """Compares generation, runs and sentinel once, and makes them agree.

        Raises:
            RedisError, OSError, TimeoutError, Unavailable: one of the servers does not answer.
        """
        async with self._confirming:  # whoever owes a move must not take another's, which is under way, for its own
            owes, self._owes_a_move = self._owes_a_move, False
            try:
                await self._agree(must_move=owes)
            except BaseException as error:
                self._owes_a_move |= owes
                if isinstance(error, (RedisError, OSError, TimeoutError)) and not self._cut_off:
                    self._cut_off = True
                    async with self._database.acquire() as connection:
                        await self._beat(connection)
                raise
            self._cut_off = False

    async def _beat(self, connection: Connection) -> Any:
        """Tells the others of this process, and answers what they have told, and the generation."""
        row = await queries.read_generation(connection, worker=self._worker, silence=SILENT)
        await queries.beat(connection, worker=self._worker, seen=row["now"], cut_off=self._cut_off)
        return row

    async def _agree(self, *, must_move: bool) -> None:
        started = time.monotonic()
        async with self._database.acquire() as connection:
            row = await self._beat(connection)
        generation, postgres_run = row["generation"], row["run"]
        self._other_cut_off = row["other_cut_off"]
        found = await self._redis.get(_SENTINEL)
        run = self._run  # known since the connection that has just answered was made
        expected = _sentinel(generation, run, postgres_run)
        if must_move or row["silent"] or found != expected.encode():
            expected = _sentinel(await self._renew(generation), run, postgres_run)
            if not await self._move(keys=[_SENTINEL], args=[found or b"", expected]):
                self._owes_a_move |= must_move
                self._doubt()
                return
        if row["silent"]:
            async with self._database.acquire() as connection:
                await queries.drop_silent(connection, before=row["now"] - SILENT)
        if run == self._run and not self._owes_a_move:
            self._sentinel, self._confirmed = expected, started

    async def _renew(self, generation: int) -> int:
        """Moves on from a generation whose sentinel is not what it should be; answers the one that counts now."""
        new = secrets.randbits(62)
        async with self._database.acquire() as connection:
            moved = await queries.move_generation(connection, old=generation, new=new)
            if moved is not None:
                return int(moved)
            return int(await queries.generation(connection))

    async def _move_on(self) -> None:
        """A committed change is not in the cache: whoever reads it there must stop believing. With Redis in reach
        nobody believes from here on; else they stop when they next confirm.
        """
        self._sentinel, self._owes_a_move = "", True
        for _ in range(MOVES_TRIED):
            try:
                await self.confirm()
            except (RedisError, OSError, TimeoutError, DomainError):
                break
            if not self._owes_a_move:
                return
        try:
            async with self._database.acquire() as connection:
                old = (await self._beat(connection))["generation"]
                await queries.move_generation(connection, old=old, new=secrets.randbits(62))
        except DomainError:
            # With PostgreSQL away no process can confirm, and within BELIEVED_S all stop believing by themselves. What
            # they will believe once it is back, or do already where it was away for us alone, must be another one.
            self._owes_a_move = True
            self._log.warning("balance_cache_generation_kept")
        self._doubt()

    async def _put(self, ticket: Ticket, balances: Sequence[Balance], told: bytes = b"") -> bool:
        values = b"".join([balance.account.id.to_bytes(8, "big") + _encode(balance) for balance in balances])
        arguments: list[Any] = [ticket, _prefix(ticket), TTL_MAX_S * 1000, values, *([told] if told else [])]
        try:
            written = await self._write(keys=[_SENTINEL], args=arguments)
        except (RedisError, OSError, TimeoutError):
            self._cut_off = True
            self._doubt()
            return False
        if not written:
            self._doubt()
        return bool(written)

    def _distrust(self) -> None:
        """Believes nothing until the generation is confirmed anew."""
        self._sentinel = ""

    def _doubt(self) -> None:
        """Has the generation confirmed anew at once."""
        self._wake.set()

    @staticmethod
    def _key(ticket: Ticket, account: int) -> str:
        return f"{_prefix(ticket)}{account}"


def _prefix(ticket: Ticket) -> str:
    return f"guerdon:balance:{ticket.partition(':')[0]}:"


def _sentinel(generation: int, run: str, postgres_run: str) -> Ticket:
    return f"{generation}:{run}:{postgres_run}"


def _run_id(info: bytes) -> str:
    """The run that `INFO server` names."""
    for line in info.decode().splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:")
    return ""


def _encode(balance: Balance) -> bytes:
    until = 2**62 if balance.valid_until == NEVER else (balance.valid_until - _EPOCH) // _MICROSECOND
    return _VALUE.pack(
        balance.version,
        until,
        balance.posted,
        balance.held,
        balance.pending,
        balance.debt,
        balance.available,
        balance.earned,
        balance.spent,
        balance.state,
    )


def _decode(account: Account, value: bytes | None, now: datetime) -> Balance | None:
    """The balance, unless there is none or the clock has changed it since."""
    if value is None:
        return None
    version, until, posted, held, pending, debt, available, earned, spent, state = _VALUE.unpack(value)
    valid_until = NEVER if until == 2**62 else _EPOCH + until * _MICROSECOND
    if valid_until <= now:
        return None
    return Balance(
        account, posted, held, pending, debt, available, earned, spent, version, valid_until, STATE_OF[state]
    )
