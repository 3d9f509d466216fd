"""What an exception of the driver means for a unit of work: away, worth another run, or our mistake."""

from __future__ import annotations

import asyncpg


class Rerun(Exception):
    """Raised inside a unit of work to roll it back and run it again, such as when another won a race."""


class UnsafeServer(Exception):
    """The server's settings would lose what it has acknowledged. A service does not start on it."""


_LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # the driver has seen the server's last word, but not yet the end of the line
)

_AWAY = (
    *_LOST,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.ReadOnlySQLTransactionError,  # a fail-over left us on the standby
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,  # statement_timeout; a caller's own cancellation is a CancelledError
)

_RERUN = (
    Rerun,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # a migration changed a table under a prepared statement
)


def is_rerunnable(error: BaseException) -> bool:
    """Whether the same work may succeed at once in a new transaction."""
    return isinstance(error, _RERUN)


def was_lost(away: BaseException) -> bool:
    """Whether it is a broken connection that PostgreSQL is said to be away for: what was under way may be committed."""
    return isinstance(away.__cause__, (*_LOST, asyncpg.InterfaceError))


def is_lost(error: BaseException, *, closed: bool) -> bool:
    """Whether the connection broke, so that what was not committed is gone.

    `closed` says that the connection is closed: the driver then raises its general InterfaceError.
    """
    return isinstance(error, _LOST) or (closed and isinstance(error, asyncpg.InterfaceError))


def is_away(error: BaseException, *, closed: bool) -> bool:
    """Whether PostgreSQL is away, out of something, or held up by a lock for too long."""
    return isinstance(error, _AWAY) or is_lost(error, closed=closed)
