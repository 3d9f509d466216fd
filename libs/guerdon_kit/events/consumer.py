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
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from guerdon_kit.errors import Unavailable
from guerdon_kit.events.event import CloudEvent
from guerdon_kit.events.streams import NOTHING, heed_cancellation, replay_key, stream_of
from guerdon_kit.postgres import Connection, Database, load_queries
from guerdon_kit.postgres.database import is_gone
from guerdon_kit.postgres.failures import is_away, is_rerunnable

_queries = load_queries("guerdon_kit.events")
_log = structlog.get_logger(__name__)

Handler = Callable[[Connection, CloudEvent], Awaitable[None]]
"""Handles one event inside the consumer's transaction. May run again after a roll-back, so it has no other
effect than on the database."""

_PAUSE_S = 0.2
_PAUSE_MOST_S = 5.0
_STANDBY_S = 0.5
_WAITS = 10
_PENDING = 1000
_PRUNE_ROWS = 5000
_UNREADABLE = UUID("8d2c6c1e-1d0c-5a58-9c53-0f2f1f7a1d55")
"""The name space of the ids under which entries are parked that are no CloudEvents."""


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    fields: Mapping[str, str]
    event: CloudEvent | None
    """None where the entry is not a CloudEvent."""

    @property
    def event_id(self) -> UUID:
        return self.event.id if self.event else uuid5(_UNREADABLE, self.id)


@dataclass(frozen=True, slots=True)
class _Group:
    delivered: str
    pending: int


@dataclass(frozen=True, slots=True)
class _Failure:
    times: int
    error: str


class _HandlerFailed(Exception):
    def __init__(self, event_id: UUID, error: Exception) -> None:
        super().__init__(event_id)
        self.event_id = event_id
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
        handlers: Mapping[str, Handler],
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
        self._redis = redis
        self._name = name
        self._stream = stream_of(service)
        self._handlers = handlers
        self._worker = worker
        self._batch = batch
        self._attempts = attempts
        self._retry = retry
        self._block_ms = int(block / timedelta(milliseconds=1))
        self._failed: dict[UUID, _Failure] = {}
        """Events that failed: one at most in practice, for it stops the rest until it is parked."""
        self._position = NOTHING
        self._asked = ""
        """The position at which this worker asked for a replay, so that it asks once."""

    async def run(self) -> None:
        """A job: consumes until it is cancelled. Waits out a PostgreSQL or Redis that is away."""
        await self.prepare()
        pause = _PAUSE_S
        while True:
            heed_cancellation()
            try:
                handled = await self.turn()
                if handled is None:
                    await asyncio.sleep(_STANDBY_S)
                elif handled == 0:
                    await self._wait()
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
        entries: list[_Entry] = []
        try:
            async with self._database.transaction() as connection:
                position = await _queries.lock_consumer(connection, consumer=self._name, stream=self._stream)
                if position is None:
                    return None
                self._position = position
                entries = await self._read()
                if not entries:
                    return 0
                await self._handle(connection, entries)
                await _queries.move_consumer(
                    connection, consumer=self._name, stream=self._stream, entry_id=entries[-1].id
                )
        except _HandlerFailed as failed:
            await self._after(failed)
            return len(entries)
        for entry in entries:
            self._failed.pop(entry.event_id, None)
        self._position = entries[-1].id
        await self._redis.xack(self._stream, self._name, *(entry.id for entry in entries))
        return len(entries)

    async def _wait(self) -> None:
        """Until the stream has more, or some time has passed in which a fault may have come about."""
        for _ in range(_WAITS):
            heed_cancellation()
            with contextlib.suppress(RedisTimeout):  # the client's own time-out may be the shorter one
                if await self._redis.xread({self._stream: self._position}, count=1, block=self._block_ms):
                    return

    async def _read(self) -> list[_Entry]:
        """The next entries after the position."""
        group = await self._group()
        if group is None:
            return []
        if group.delivered != self._position or group.pending:
            await self._set_back()
        await self._look_for_gap()
        # After a failure one by one, so that only the event that fails is held up.
        most = 1 if self._failed else self._batch
        answer: Any = await self._redis.xreadgroup(self._name, self._worker, {self._stream: ">"}, count=most)
        # RESP2 answers a list of pairs, RESP3 a map of lists of lists.
        streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
        flat = [entry for entries in streams for entry in _flattened(entries)]
        return [_entry(_text(entry_id), fields) for entry_id, fields in flat]

    async def _group(self) -> _Group | None:
        """Our group; None where there was none and it has been made."""
        try:
            groups: Any = await self._redis.xinfo_groups(self._stream)
        except ResponseError:  # no stream
            groups = []
        for group in groups:
            if _text(group["name"]) == self._name:
                return _Group(_text(group["last-delivered-id"]), group["pending"])
        _log.info("consumer_group_made", consumer=self._name, stream=self._stream, position=self._position)
        # With the group gone Redis has lost more, and its relay fills the stream again unasked.
        self._asked = self._position
        await self._redis.xgroup_create(self._stream, self._name, id=NOTHING, mkstream=True)
        return None

    async def _set_back(self) -> None:
        """Makes the group go on after the position, or from the beginning of a stream that ends before it."""
        info: Any = await self._redis.xinfo_stream(self._stream)
        ends_before = _order(_text(info["last-generated-id"])) < _order(self._position)
        await self._redis.xgroup_setid(self._stream, self._name, NOTHING if ends_before else self._position)
        # All after the position will be delivered again, and all before it was handled.
        while True:
            pending: Any = await self._redis.xpending_range(self._stream, self._name, "-", "+", _PENDING)
            if not pending:
                return
            await self._redis.xack(self._stream, self._name, *(entry["message_id"] for entry in pending))

    async def _look_for_gap(self) -> None:
        """Asks for a replay where the stream's oldest entry is newer than the position: what lies between, if
        anything does, was trimmed before we saw it.
        """
        if self._position in (NOTHING, self._asked):
            return
        first: Any = await self._redis.xrange(self._stream, count=1)
        if first and _order(self._position) < _order(_text(first[0][0])):
            _log.warning("consumer_gap", consumer=self._name, stream=self._stream, position=self._position)
            self._asked = self._position
            await self._redis.set(replay_key(self._stream), self._name)

    async def _handle(self, connection: Connection, entries: Sequence[_Entry]) -> None:
        fresh = {
            row["event_id"]
            async for row in _queries.claim_events(
                connection, consumer=self._name, event_ids=[entry.event_id for entry in entries]
            )
        }
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
            failure = self._failed.get(entry.event_id)
            if failure is not None and failure.times >= self._attempts:
                await self._park(connection, entry, failure.error)
                continue
            try:
                await handler(connection, entry.event)
            except Exception as error:
                if isinstance(error, Unavailable) or is_rerunnable(error):
                    raise Unavailable from error
                if is_away(error, closed=is_gone(connection)):
                    raise
                raise _HandlerFailed(entry.event_id, error) from error

    async def _after(self, failed: _HandlerFailed) -> None:
        """Remembers the failure, and pauses the longer the more there were of the same event."""
        before = self._failed.get(failed.event_id)
        failure = _Failure((before.times if before else 0) + 1, type(failed.error).__name__)
        self._failed = {failed.event_id: failure}
        _log.warning(
            "event_failed",
            consumer=self._name,
            event_id=str(failed.event_id),
            error=failure.error,
            times=failure.times,
        )
        await asyncio.sleep(min(self._retry.total_seconds() * 2**failure.times, _PAUSE_MOST_S))

    async def _park(self, connection: Connection, entry: _Entry, error: str) -> None:
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
    total = 0
    while True:
        async with database.acquire() as connection:
            deleted: int = await _queries.prune_consumed(connection, keep=keep, most=_PRUNE_ROWS)
        total += deleted
        if deleted < _PRUNE_ROWS:
            return total


def _entry(entry_id: str, raw: Mapping[Any, Any]) -> _Entry:
    fields = {_text(name): _text(value) for name, value in raw.items()}
    try:
        return _Entry(entry_id, fields, CloudEvent.from_entry(fields))
    except ValueError:
        return _Entry(entry_id, fields, None)


def _flattened(entries: Any) -> list[Any]:
    """RESP3 wraps the entries of a stream in one more list."""
    return entries[0] if entries and isinstance(entries[0], list) else entries


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
