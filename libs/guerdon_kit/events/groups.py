"""A consumer group of a Redis stream that follows a position kept elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from guerdon_kit.events.event import CloudEvent
from guerdon_kit.events.streams import NOTHING, heed_cancellation, replay_key

_log = structlog.get_logger(__name__)

_PENDING = 1000
_WAITS = 10
_UNREADABLE = UUID("8d2c6c1e-1d0c-5a58-9c53-0f2f1f7a1d55")
"""The name space of the ids of entries that are no CloudEvents."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream."""

    id: str
    fields: Mapping[str, str]
    event: CloudEvent | None
    """None where the entry is not a CloudEvent."""

    @property
    def event_id(self) -> UUID:
        """The event's id, or one made of the entry's."""
        return self.event.id if self.event else uuid5(_UNREADABLE, self.id)


class Group:
    """The group `name` of `stream`, read by `worker`. One worker at a time may read; the caller sees to it."""

    def __init__(self, redis: Redis, stream: str, name: str, worker: str) -> None:
        self._redis = redis
        self._stream = stream
        self._name = name
        self._worker = worker
        self._asked = ""
        """The position at which this worker asked for a replay, so that it asks once."""

    async def read(self, position: str, most: int) -> list[Entry]:
        """The next entries after the position; none right after the group had to be made."""
        group = await self._find()
        if group is None:
            await self._make(position)
            return []
        if _text(group["last-delivered-id"]) != position or group["pending"]:
            await self._set_back(position)
        await self._look_for_gap(position)
        answer: Any = await self._redis.xreadgroup(self._name, self._worker, {self._stream: ">"}, count=most)
        # RESP2 answers a list of pairs, RESP3 a map of lists of lists.
        streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
        return [_entry(_text(entry_id), fields) for entries in streams for entry_id, fields in _flattened(entries)]

    async def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Tells Redis that they were handled."""
        await self._redis.xack(self._stream, self._name, *(entry.id for entry in entries))

    async def wait(self, position: str, block_ms: int) -> None:
        """Until the stream has more than the position, or ten blocks have passed, in which a fault may have
        come about.
        """
        for _ in range(_WAITS):
            heed_cancellation()
            with contextlib.suppress(RedisTimeout):  # the client's own time-out may be the shorter one
                if await self._redis.xread({self._stream: position}, count=1, block=block_ms):
                    return

    async def _find(self) -> Any:
        try:
            groups: Any = await self._redis.xinfo_groups(self._stream)
        except ResponseError:  # no stream
            return None
        return next((group for group in groups if _text(group["name"]) == self._name), None)

    async def _make(self, position: str) -> None:
        _log.info("consumer_group_made", consumer=self._name, stream=self._stream, position=position)
        # With the group gone Redis has lost more, and its relay fills the stream again unasked.
        self._asked = position
        await self._redis.xgroup_create(self._stream, self._name, id=NOTHING, mkstream=True)

    async def _set_back(self, position: str) -> None:
        """Makes the group go on after the position, or from the beginning of a stream that ends before it."""
        info: Any = await self._redis.xinfo_stream(self._stream)
        ends_before = is_before(_text(info["last-generated-id"]), position)
        await self._redis.xgroup_setid(self._stream, self._name, NOTHING if ends_before else position)
        # All after the position will be delivered again, and all before it was handled.
        while True:
            pending: Any = await self._redis.xpending_range(self._stream, self._name, "-", "+", _PENDING)
            if not pending:
                return
            await self._redis.xack(self._stream, self._name, *(entry["message_id"] for entry in pending))

    async def _look_for_gap(self, position: str) -> None:
        """Asks for a replay where the stream's oldest entry is newer than the position: what lies between, if
        anything does, was trimmed before we saw it.
        """
        if position in (NOTHING, self._asked):
            return
        first: Any = await self._redis.xrange(self._stream, count=1)
        if first and is_before(position, _text(first[0][0])):
            _log.warning("consumer_gap", consumer=self._name, stream=self._stream, position=position)
            self._asked = position
            await self._redis.set(replay_key(self._stream), self._name)


def _entry(entry_id: str, raw: Mapping[Any, Any]) -> Entry:
    fields = {_text(name): _text(value) for name, value in raw.items()}
    try:
        return Entry(entry_id, fields, CloudEvent.from_entry(fields))
    except ValueError:
        return Entry(entry_id, fields, None)


def _flattened(entries: Any) -> list[Any]:
    """RESP3 wraps the entries of a stream in one more list."""
    return entries[0] if entries and isinstance(entries[0], list) else entries


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def is_before(entry_id: str, other: str) -> bool:
    """Whether the one entry comes before the other in a stream, by their ids."""
    return _order(entry_id) < _order(other)


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
