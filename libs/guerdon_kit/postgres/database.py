"""The pool, and the unit of work: one transaction that is run again where that is right and bounded."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar, cast

import asyncpg

from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres.failures import UnsafeServer, is_away, is_lost, is_rerunnable

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    # The stubs make these generic; at run time they are not.
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

T = TypeVar("T")

_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")
# Not from the view of all settings, which takes two milliseconds for each connection.
_GREETING = """
select pg_postmaster_start_time()::text as started, oid as database, current_setting('fsync') as fsync,
       current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit
from pg_database
where datname = current_database()
"""
_FIRST_OID_GIVEN = 10_000
"""Smaller ones stand in PostgreSQL's sources, and so are the same in every server (`FirstGenbkiObjectId` of
`access/transam.h`)."""
_RUNS = 6
_PAUSE_S = 0.01


class _PlainConnection(Connection):
    """A connection whose release costs no round trip, and that asks what a type is once in a process.

    asyncpg resets the session on release; that is a round trip as long as a small query. It may be left
    out only because nothing here changes a session: no SET outside a transaction, no LISTEN, no advisory
    session lock, no temporary table. An open transaction is rolled back on release regardless.

    And each connection asks the catalogue about each type of array that it comes across, built-in ones too: several
    milliseconds each time (https://github.com/MagicStack/asyncpg/issues/1272). What is built in is the same for all.
    Should asyncpg give up the method that answers it, they ask again.
    """

    _built_in: ClassVar[dict[int, asyncpg.Record]] = {}

    def get_reset_query(self) -> str:
        return ""

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> Introspected:
        wanted = list(typeoids)
        if all(oid in self._built_in for oid in wanted):
            return [row for oid in wanted for row in self._made_of(oid)], _AskedBefore()
        found: Introspected = await super()._introspect_types(wanted, timeout)  # type: ignore[misc]  # not in the stubs
        self._built_in.update({row["oid"]: row for row in found[0] if row["oid"] < _FIRST_OID_GIVEN})
        return found

    def _made_of(self, oid: int) -> Iterator[asyncpg.Record]:
        """A built-in type after those that it is made of, as the catalogue answers them, too."""
        row = self._built_in[oid]
        for part in (row["elemtype"], row["range_subtype"], row["basetype"], *(row["attrtypoids"] or ())):
            if part in self._built_in:
                yield from self._made_of(part)
        yield row


class _AskedBefore(NamedTuple):
    """Stands for the statement of an introspection: by its name asyncpg sees that it replaced no nameless one."""

    name: str = "asked before"


Introspected = tuple[Sequence[asyncpg.Record], Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the parts of a unit of work may take before the caller is told that PostgreSQL is away."""

    acquire: timedelta = timedelta(seconds=2)
    """Waiting for a free connection of the pool, or for a new one."""
    statement: timedelta = timedelta(seconds=10)
    """One statement, enforced by the server."""
    lock: timedelta = timedelta(seconds=4)
    """Waiting for one lock, enforced by the server."""
    idle_in_transaction: timedelta = timedelta(seconds=15)
    """A transaction whose client went silent: the server ends it, so that its locks are free again."""


class Database:
    """A service's own database, through a pool of connections as its runtime role."""

    def __init__(self, pool: Pool, limits: Limits, greeting: _Greeting | None = None) -> None:
        self._pool = pool
        self._limits = limits
        self._greeting = greeting or _Greeting()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        name: str,
        size: int = 8,
        limits: Limits | None = None,
        required: bool = True,
        plans: str = "auto",
    ) -> Self:
        """Connects.

        `name` is shown in pg_stat_activity; `size` is the most connections this process will hold. Not
        `required`: opens also while PostgreSQL does not answer, and connects once it does. `plans` is its
        `plan_cache_mode`.

        Raises:
            Unavailable: PostgreSQL does not answer, and is required.
            UnsafeServer: `fsync`, `full_page_writes` or `synchronous_commit` is off.
        """
        limits = limits or Limits()
        greeting = _Greeting()
        pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=size,
            # By default a connection is replaced after 50,000 queries and closed after five idle
            # minutes: seconds of work for the ledger, and each time its prepared statements are planned
            # anew.
            max_queries=sys.maxsize,
            max_inactive_connection_lifetime=0,
            connection_class=_PlainConnection,
            init=greeting.prepare_session,
            timeout=limits.acquire.total_seconds(),
            # The server ends a long statement; this bound is for a server that can no longer be heard.
            command_timeout=limits.statement.total_seconds() + 5,
            server_settings={
                "application_name": name,
                "default_transaction_isolation": "read committed",
                "statement_timeout": _milliseconds(limits.statement),
                "lock_timeout": _milliseconds(limits.lock),
                "idle_in_transaction_session_timeout": _milliseconds(limits.idle_in_transaction),
                "timezone": "UTC",
                "plan_cache_mode": plans,
                "jit": "off",  # compiling costs more than our short statements take
            },
        )
        database = cls(await pool, limits, greeting)
        try:
            async with database.acquire():
                return database
        except BaseException as error:
            if isinstance(error, Unavailable) and not required:
                return database
            pool.terminate()
            raise

    def on_new_server(self, forget: Callable[[], None]) -> None:
        """Has `forget` called before anybody is given a connection to a server that was started since the last one, or
        to another database of that name: its data may have been put back to an earlier point, where what a process
        remembers never was.
        """
        self._greeting.listeners.append(forget)

    async def close(self, grace: timedelta = timedelta(seconds=5)) -> None:
        """Waits for the connections in use for at most `grace`, then closes all."""
        try:
            async with asyncio.timeout(grace.total_seconds()):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection outside of a transaction, such as for a lone read.

        Raises:
            Unavailable: PostgreSQL is away, or no connection came free in time.
        """
        connection = await self._take()
        try:
            yield connection
        except Exception as error:
            if is_lost(error, closed=is_gone(connection)):
                _drop(connection)
            if is_away(error, closed=is_gone(connection)):
                raise Unavailable from error
            raise
        finally:
            await self._give_back(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a READ COMMITTED transaction, committed at the end and rolled back by an exception.

        Raises:
            Unavailable: PostgreSQL is away. Where that happened at the commit, the outcome is unknown.
        """
        async with self.acquire() as connection, connection.transaction():
            yield connection

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, repeatable: bool = False) -> T:
        """Runs `work` in a transaction, again for a bounded number of times where another run may succeed.

        That is after a serialization failure, a deadlock, `Rerun`, or a connection that was lost before
        the commit was sent. A connection lost *during* the commit leaves the outcome unknown: the work
        is then run again only if it is `repeatable`, that is, doing it twice equals doing it once
        because it finds its own request record.

        Raises:
            Unavailable: PostgreSQL is away, or the runs are used up; after a lost commit the outcome is
            unknown.
        """
        for run in range(_RUNS):
            if run:
                await asyncio.sleep(_PAUSE_S * random.uniform(0.5, 1.5) * 2**run)
            connection = await self._take()
            committing = False
            try:
                transaction = connection.transaction()
                await transaction.start()
                try:
                    result = await work(connection)
                except BaseException:
                    if not is_gone(connection):
                        await transaction.rollback()
                    raise
                committing = True
                await transaction.commit()
                return result
            except Exception as error:
                lost = is_lost(error, closed=is_gone(connection))
                if lost:
                    _drop(connection)
                if is_rerunnable(error) or (lost and (repeatable or not committing)):
                    continue
                if is_away(error, closed=is_gone(connection)):
                    raise Unavailable from error
                raise
            finally:
                await self._give_back(connection)
        raise Unavailable

    async def _take(self) -> Connection:
        try:
            # Not the pool's own time-out: it makes a task for each acquire, and can swallow a cancellation.
            async with asyncio.timeout(self._limits.acquire.total_seconds()):
                proxy = await self._pool.acquire()
        except asyncpg.InvalidAuthorizationSpecificationError:
            raise  # a wrong password is a mistake of the set-up: waiting will not cure it
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            # The last is what asyncpg says of a new connection whose server died while it was being made.
            raise Unavailable from error
        return cast("Connection", proxy)

    async def _give_back(self, connection: Connection) -> None:
        # The pool shields this from cancellation, waits until a cancelled statement has really ended, and
        # rolls back what is open, or else terminates the connection.
        try:
            await self._pool.release(cast("Any", connection), timeout=self._limits.acquire.total_seconds())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            # The last is "release of a free holder": the connection broke while it was being released.
            _drop(connection)


def is_gone(connection: Connection) -> bool:
    """Whether the connection is closed. The pool takes a broken one back by itself; the name that the caller
    has for it then answers nothing but an error.
    """
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def _drop(connection: Connection) -> None:
    """Closes a broken connection, so that nobody is given it again."""
    if not is_gone(connection):
        connection.terminate()


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration / timedelta(milliseconds=1)))


def _encode_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Greeting:
    """What each new connection goes through, and not only the first: a server may be restarted with other settings,
    or with other data.
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._met: tuple[str, int] | None = None

    async def prepare_session(self, connection: Connection) -> None:
        """Checks the server, and has forgotten what is known of another run of it, or of another database."""
        for kind in ("json", "jsonb"):
            await connection.set_type_codec(kind, schema="pg_catalog", encoder=_encode_json, decoder=json.loads)
        found = await connection.fetchrow(_GREETING)
        assert found is not None, "it is one row"
        refuse_unsafe({name: found[name] for name in _DURABILITY})
        met = found["started"], found["database"]
        if met != self._met:
            self._met = met
            for forget in self.listeners:
                forget()


def refuse_unsafe(settings: Mapping[str, str]) -> None:
    """Checks the server's settings of durability.

    Raises:
        UnsafeServer: one of them is off.
    """
    unsafe = sorted(name for name, setting in settings.items() if setting == "off")
    if unsafe:
        raise UnsafeServer(f"PostgreSQL would lose committed points: {', '.join(unsafe)} is off")
