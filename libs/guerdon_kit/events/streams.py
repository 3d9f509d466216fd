"""Appending to a stream in Redis in a way that notices when the stream has lost data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from guerdon_kit.events.event import FIELDS, CloudEvent

NOTHING = "0-0"
"""The id before the first entry of a stream."""

_PATIENCE_S = 5


class StreamLost(Exception):
    """The stream is gone, or older than the last entry that was written to it."""


# One script, so that nothing can happen between the look and the append: a Redis that was flushed in between
# would take the new entries and hide that the old ones are gone.
_LAST = """
local function parts(id)
  local at = string.find(id, '-', 1, true)
  return tonumber(string.sub(id, 1, at - 1)), tonumber(string.sub(id, at + 1))
end
local function before(a, b)
  local ams, aseq = parts(a)
  local bms, bseq = parts(b)
  return ams < bms or (ams == bms and aseq < bseq)
end
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
"""

_APPEND = (
    _LAST
    + """
if before(last, ARGV[1]) then return redis.error_reply('LOST ' .. last) end
local names = cjson.decode(ARGV[3])
for _, values in ipairs(cjson.decode(ARGV[4])) do
  local entry = {}
  for i = 1, #names do
    entry[2 * i - 1] = names[i]
    entry[2 * i] = values[i]
  end
  last = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(entry))
end
return last
"""
)

# New entries must sort after all that were ever written, whatever the clock of a new Redis says: consumers
# remember where they are by id. Making and dropping a group is how an empty stream is made.
_HEAL = (
    _LAST
    + """
if before(last, ARGV[1]) then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('XGROUP', 'CREATE', KEYS[1], 'guerdon:making', '$', 'MKSTREAM')
    redis.call('XGROUP', 'DESTROY', KEYS[1], 'guerdon:making')
  end
  redis.call('XSETID', KEYS[1], ARGV[1])
end
return redis.call('DEL', KEYS[2])
"""
)

_NAMES = '["' + '","'.join(FIELDS) + '"]'


def heed_cancellation() -> None:
    """Raises the cancellation that a call to Redis may have swallowed.

    The client sends under `asyncio.wait_for`, which before Python 3.12 answers a result that came at the same
    moment instead of being cancelled: 1 of 75 cancellations in a loop of short reads. A job that runs until
    it is cancelled would run for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def stream_of(service: str) -> str:
    """The key of the stream with the events of a service."""
    return f"guerdon:events:{service}"


def replay_key(stream: str) -> str:
    """The key that asks the relay of a stream to send again all it has."""
    return f"{stream}:replay"


class StreamWriter:
    """Appends to one stream. The caller sees to it that there is one writer at a time."""

    def __init__(self, redis: Redis, stream: str, most: int) -> None:
        self._redis = redis
        self._keys = [stream, replay_key(stream)]
        self._most = most
        self._append = redis.register_script(_APPEND)
        self._heal = redis.register_script(_HEAL)

    async def append(self, known: str, events: Sequence[CloudEvent]) -> str:
        """Appends the events if the stream still has come as far as `known`; answers the stream's last id.

        With no events it only looks. The stream keeps about its newest `most` entries.

        Raises:
            StreamLost: the stream is gone or ends before `known`; nothing was appended.
            redis.RedisError: Redis is away; whether the events were appended is unknown.
        """
        # One argument for all: the client spends four microseconds on each, and an event has nine.
        values = json.dumps([event.values() for event in events], ensure_ascii=False, separators=(",", ":"))
        try:
            async with asyncio.timeout(_PATIENCE_S):  # the caller holds a transaction open
                last = await self._append(keys=self._keys[:1], args=[known, self._most, _NAMES, values])
        except ResponseError as error:
            if str(error).startswith("LOST"):
                raise StreamLost(f"{self._keys[0]} should have come to {known}: {error}") from None
            raise
        return last if isinstance(last, str) else str(last, "ascii")

    async def heal(self, known: str) -> None:
        """Makes the stream go on after `known`, and takes back a consumer's wish for a replay."""
        await self._heal(keys=self._keys, args=[known])

    async def replay_wished(self) -> bool:
        """Whether a consumer has found that the stream no longer holds what it has not seen."""
        return bool(await self._redis.exists(self._keys[1]))
