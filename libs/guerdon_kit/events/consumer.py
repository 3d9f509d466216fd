"""Consuming a stream: each event takes effect once, in the order of the stream.

A consumer is a Redis consumer group whose position is kept in the consumer's own database, in the same
transaction as the ids of the events it had and its handlers' changes. Whichever worker holds the position's
row lock consumes; the others stand by, so that two workers cannot turn the order of a key around.

The position is the truth and the group follows it: where the two differ, because a worker died or rolled
back, or Redis was flushed or restarted with old data, the group is set back to the position. An event that
comes again is known by its id and skipped. Where the stream no longer holds what follows the position, the
consumer asks the relay to send again what the outbox still has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from guerdon_kit.errors import Unavailable
from guerdon_kit.events.event import CloudEvent
from guerdon_kit.events.groups import Entry, Group, is_before
from guerdon_kit.events.pace import rest_s
from guerdon_kit.events.streams import NOTHING, heed_cancellation, stream_of
from guerdon_kit.postgres import Connection, Database, load_queries
from guerdon_kit.postgres.database import is_gone
from guerdon_kit.postgres.failures import is_away, is_rerunnable
from guerdon_kit.postgres.retention import HOURLY, delete_in_steps, repeat

_queries = load_queries("guerdon_kit.events")
_log = structlog.get_logger(__name__)

Handler = Callable[[Connection, CloudEvent], Awaitable[None]]
"""Handles one event inside the consumer's transaction. May run again after a roll-back, so it has no other
effect than on the database."""


@dataclass(frozen=True, slots=True)
class Together:
    """Handles events that follow each other at once, in their order; where it fails they come again one by one."""

    handle: Callable[[Connection, Sequence[CloudEvent]], Awaitable[None]]


_PAUSE_S = 0.2
_PAUSE_MOST_S = 5.0
_STANDBY_S = 0.5
_GATHER_S = 0.05


@dataclass(frozen=True, slots=True)
class _Failure:
    event_id: UUID
    entry_id: str
    times: int
    error: str


class _HandlerFailed(Exception):
    def __init__(self, entry: Entry, error: Exception) -> None:
        super().__init__(entry.id)
        self.entry = entry
        self.error = error


class Consumer:
    """Consumes the events of one service for one purpose."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        *,
        name: str,
        service: str,
        handlers: Mapping[str, Handler | Together],
        worker: str = "0",
        batch: int = 100,
        attempts: int = 5,
        block: timedelta = timedelta(milliseconds=500),
        retry: timedelta = timedelta(milliseconds=100),
    ) -> None:
        """`name` is the consumer's, such as `recognition.feed`; `service` is the one whose events these are;
        `handlers` are by type of event, other types are passed over. An event whose handler fails is tried
        `attempts` times with pauses that grow from `retry`, then parked, and the rest goes on.
        """
        self._database = database
        self._name = name
        self._stream = stream_of(service)
        self._group = Group(redis, self._stream, name, worker)
        self._handlers = handlers
        self._batch = batch
        self._attempts = attempts
        self._retry = retry
        self._block_ms = int(block / timedelta(milliseconds=1))
        self._failure: _Failure | None = None
        """The event that fails: one at most, for it stops the rest until it is parked."""
        self._position = NOTHING

    async def run(self) -> None:
        """A job: consumes until it is cancelled. Waits out a PostgreSQL or Redis that is away."""
        await self.prepare()
        loop, pause = asyncio.get_running_loop(), _PAUSE_S
        while True:
            heed_cancellation()
            try:
                began = loop.time()
                handled = await self.turn()
                if handled is None:
                    await asyncio.sleep(_STANDBY_S)
                elif handled == 0:
                    await self._group.wait(self._position, self._block_ms)
                elif handled < self._batch and self._failure is None:
                    await asyncio.sleep(rest_s(loop.time() - began, _GATHER_S))
                pause = _PAUSE_S
            except (Unavailable, RedisError) as error:
                _log.warning("consumer_waits", consumer=self._name, error=type(error).__name__, pause_s=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _PAUSE_MOST_S)

    async def prepare(self) -> None:
        """Makes the position where there is none: before all that the stream holds."""
        async with self._database.acquire() as connection:
            await _queries.ensure_consumer(connection, consumer=self._name, stream=self._stream)

    async def turn(self) -> int | None:
        """Consumes one batch and answers how many entries that were; None while another worker consumes."""
        entries: list[Entry] = []
        try:
            async with self._database.transaction() as connection:
                position = await _queries.lock_consumer(connection, consumer=self._name, stream=self._stream)
                if position is None:
                    return None
                self._position = position
                if self._failure and not is_before(position, self._failure.entry_id):
                    self._failure = None  # it is behind us, or behind another worker
                # After a failure one by one, so that only the event that fails is held up.
                most = 1 if self._failure else self._batch
                entries = await self._group.read(position, most)
                if not entries:
                    return 0
                await self._handle(connection, entries)
                await _queries.move_consumer(
                    connection, consumer=self._name, stream=self._stream, entry_id=entries[-1].id
                )
        except _HandlerFailed as failed:
            await self._after(failed)
            return len(entries)
        self._position = entries[-1].id
        await self._group.acknowledge(entries)
        return len(entries)

    async def _handle(self, connection: Connection, entries: Sequence[Entry]) -> None:
        fresh = {
            row["event_id"]
            async for row in _queries.claim_events(
                connection, consumer=self._name, event_ids=[entry.event_id for entry in entries]
            )
        }
        handled: list[tuple[Entry, CloudEvent, Handler | Together]] = []
        for entry in entries:
            if entry.event_id not in fresh:
                continue
            fresh.discard(entry.event_id)  # the same event twice in one batch
            if entry.event is None:
                await self._park(connection, entry, "ValueError")
                continue
            handler = self._handlers.get(entry.event.type)
            if handler is None:
                continue
            failure = self._failure
            if failure and failure.event_id == entry.event_id and failure.times >= self._attempts:
                await self._park(connection, entry, failure.error)
                continue
            handled.append((entry, entry.event, handler))
        for _, run in groupby(handled, key=lambda one: one[2] if isinstance(one[2], Together) else one[0].id):
            await self._handle_run(connection, list(run))

    async def _handle_run(
        self, connection: Connection, run: Sequence[tuple[Entry, CloudEvent, Handler | Together]]
    ) -> None:
        """Events that one handler takes at once. A failure is put down to the last of them: so all of them come again
        one by one, and it is found whose it is.
        """
        entry, event, handler = run[-1]
        try:
            if isinstance(handler, Together):
                await handler.handle(connection, [event for _, event, _ in run])
            else:
                await handler(connection, event)
        except Exception as error:
            if isinstance(error, Unavailable) or is_rerunnable(error):
                raise Unavailable from error
            if is_away(error, closed=is_gone(connection)):
                raise
            raise _HandlerFailed(entry, error) from error

    async def _after(self, failed: _HandlerFailed) -> None:
        """Remembers the failure, and pauses the longer the more there were of the same event."""
        entry, before = failed.entry, self._failure
        times = before.times + 1 if before and before.event_id == entry.event_id else 1
        failure = _Failure(entry.event_id, entry.id, times, type(failed.error).__name__)
        self._failure = failure
        _log.warning(
            "event_failed",
            consumer=self._name,
            event_id=str(failure.event_id),
            error=failure.error,
            times=failure.times,
        )
        await asyncio.sleep(min(self._retry.total_seconds() * 2**failure.times, _PAUSE_MOST_S))

    async def _park(self, connection: Connection, entry: Entry, error: str) -> None:
        _log.error(
            "event_parked",
            consumer=self._name,
            event_id=str(entry.event_id),
            entry_id=entry.id,
            type=entry.event.type if entry.event else None,
            error=error,
        )
        await _queries.park_event(
            connection,
            consumer=self._name,
            event_id=entry.event_id,
            stream=self._stream,
            entry_id=entry.id,
            event=dict(entry.fields),
            error=error,
        )


async def prune_consumed(database: Database, keep: timedelta) -> int:
    """Forgets the ids of events consumed longer than `keep` ago; answers how many.

    Keep them for longer than an outbox keeps its events and a stream its entries together: what comes again
    after that would take effect again.
    """

    async def delete(connection: Connection, most: int) -> int:
        deleted: int = await _queries.prune_consumed(connection, keep=keep, most=most)
        return deleted

    return await delete_in_steps(database, delete)


async def pruning_consumed(database: Database, keep: timedelta, every: timedelta = HOURLY) -> None:
    """A job: forgets at each `every`, until it is cancelled."""
    await repeat(lambda: prune_consumed(database, keep), every)
