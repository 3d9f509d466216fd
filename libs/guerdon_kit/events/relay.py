"""The relay: sends what a source holds to its stream, in order for each key, at least once.

Its position is a snapshot. A cursor over ids would skip a row whose transaction drew a low id and committed
late. A horizon of transaction ids (send all below the oldest one under way) skips nothing, but breaks the
order: of two changes of one key the later may have the lower transaction id, because ids of transactions
are drawn when they begin to write, not when they get the key's lock. So each round takes the current
snapshot and sends exactly the rows that it sees and the position's does not.

Why that keeps the order of a key, given that the writers of a key hold its lock before they draw the row's
id (`publish`): if change 2 came after change 1, its transaction got the lock only when change 1 was
committed, and committed means seen by every later snapshot. So a snapshot that sees 2 sees 1, and 1 is sent
in the same round or an earlier one; within a round the order is that of ids, and 1 drew its id first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog
from asyncpg import Record
from redis.asyncio import Redis
from redis.exceptions import RedisError

from guerdon_kit.errors import Unavailable
from guerdon_kit.events.event import CloudEvent
from guerdon_kit.events.pace import Rest
from guerdon_kit.events.streams import StreamLost, StreamWriter, heed_cancellation, stream_of
from guerdon_kit.postgres import Connection, Database, load_queries

_queries = load_queries("guerdon_kit.events")
_log = structlog.get_logger(__name__)

_BEGINNING = "1:1:"
"""A snapshot that sees nothing."""

_PAUSE_S = 0.5
_PAUSE_MOST_S = 5.0


class PositionAhead(Exception):
    """The position is of another PostgreSQL cluster: transaction ids there had come further than here."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """One row of a source."""

    id: int
    """Within a key, rises in the order of commits."""
    event: CloudEvent


class Source(Protocol):
    """Rows that tell of events: the kit's outbox, or a journal that is its own outbox.

    Snapshots are PostgreSQL's pg_snapshot as text. A row belongs to an interval if `until` sees the
    transaction that wrote it and `since` does not.
    """

    @property
    def name(self) -> str:
        """The source's row in relay_positions."""
        ...

    @property
    def service(self) -> str:
        """The service whose stream the events go to."""
        ...

    async def start(self, connection: Connection, since: str, until: str) -> int | None:
        """The lowest id of the interval; None where it is empty."""
        ...

    async def page(self, connection: Connection, since: str, until: str, after: int, most: int) -> Sequence[Relayed]:
        """The first `most` rows of the interval with ids above `after`, in the order of ids."""
        ...


@dataclass(frozen=True, slots=True)
class _Position:
    since: str
    until: str | None
    last_id: int
    entry_id: str


class Relay:
    """Relays one source. Any number may run; the position's row lock lets one send at a time.

    It polls: a NOTIFY from the writers would take a lock of the whole server at each of their commits, and an idle look
    costs two reads and no commit. While there is less than a page to send it looks every `poll` where its process has
    just written an event, or it has sent some, and else every `idle`: what other processes write their relays send.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        source: Source,
        *,
        poll: timedelta = timedelta(milliseconds=50),
        idle: timedelta = timedelta(milliseconds=500),
        look: timedelta = timedelta(seconds=1),
        page: int = 500,
        stream_most: int = 200_000,
    ) -> None:
        """`look` is how often an idle relay checks that the stream is still there, `page` how many events go
        to Redis at once, `stream_most` about how many entries the stream keeps.
        """
        self._database = database
        self._source = source
        self._stream = StreamWriter(redis, stream_of(source.service), stream_most)
        self._rest = Rest(poll.total_seconds(), idle.total_seconds())
        self._look = look
        self._page = page

    async def run(self) -> None:
        """A job: relays until it is cancelled. Waits out a PostgreSQL or Redis that is away."""
        with self._rest.listening():
            await self.prepare()
            await self._run()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        looked, pause, sent = 0.0, _PAUSE_S, 0
        while True:
            heed_cancellation()
            try:
                due = loop.time() - looked >= self._look.total_seconds()
                if due:
                    looked = loop.time()
                began = loop.time()
                sent = await self.turn(look=due or sent > 0)  # where something came more may have come
                if sent:
                    self._rest.stir()
                if sent < self._page:
                    await self._rest.after(loop.time() - began)
                pause = _PAUSE_S
            except (Unavailable, RedisError) as error:
                _log.warning("relay_waits", source=self._source.name, error=type(error).__name__, pause_s=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _PAUSE_MOST_S)

    async def prepare(self) -> None:
        """Makes the position where there is none."""
        async with self._database.acquire() as connection:
            await _queries.ensure_position(connection, source=self._source.name)

    async def turn(self, *, look: bool = True) -> int:
        """Sends one page if there is one, and answers how many events that were.

        `look` also checks the stream where there is nothing to send, and fills it again if it lost its data.
        """
        if not look and not await self._anything():
            return 0
        try:
            return await self._send()
        except StreamLost as lost:
            _log.warning("stream_lost", source=self._source.name, error=str(lost))
            await self.replay()
            return 0

    async def replay(self) -> None:
        """Goes back to the beginning of what the source still holds.

        The position is moved before the stream is healed: a crash in between finds the stream lost again.
        """
        async with self._database.transaction() as connection:
            row = await _queries.lock_position(connection, source=self._source.name)
            if row is None:
                return
            position = _Position(since=_BEGINNING, until=None, last_id=0, entry_id=row["entry_id"])
            await self._move(connection, position)
        await self._stream.heal(position.entry_id)
        _log.info("stream_replay", source=self._source.name)

    async def _anything(self) -> bool:
        """Whether there is something to send. Takes no lock, so that an idle relay writes nothing."""
        async with self._database.acquire() as connection:
            row = await _queries.read_position(connection, source=self._source.name)
            if row is None:
                return False
            if row["until"] is not None:
                return True
            return await self._source.start(connection, row["since"], row["now"]) is not None

    async def _send(self) -> int:
        async with self._database.transaction() as connection:
            row = await _queries.lock_position(connection, source=self._source.name)
            if row is None:
                return 0
            position = _read(row)
            if await self._stream.replay_wished():
                raise StreamLost("a consumer has not seen what the stream no longer holds")
            if position.until is None:
                start = await self._source.start(connection, position.since, row["now"])
                if start is None:
                    await self._stream.append(position.entry_id, [])
                    return 0
                position = replace(position, until=row["now"], last_id=start - 1)
            return await self._send_page(connection, position)

    async def _send_page(self, connection: Connection, position: _Position) -> int:
        until = position.until or position.since
        # One more than a page, to know whether this page ends the round.
        found = await self._source.page(connection, position.since, until, position.last_id, self._page + 1)
        rows = found[: self._page]
        entry_id = await self._stream.append(position.entry_id, [row.event for row in rows])
        if len(found) > len(rows):
            position = replace(position, last_id=rows[-1].id, entry_id=entry_id)
        else:
            position = _Position(since=until, until=None, last_id=0, entry_id=entry_id)
        await self._move(connection, position)
        return len(rows)

    async def _move(self, connection: Connection, position: _Position) -> None:
        await _queries.move_position(
            connection,
            source=self._source.name,
            since=position.since,
            until=position.until,
            last_id=position.last_id,
            entry_id=position.entry_id,
        )


def _read(row: Record) -> _Position:
    if row["ahead"]:
        # Rows dumped and restored into a new cluster: no snapshot here would ever see them.
        raise PositionAhead("relay_positions was restored from another cluster; its rows have to be sent by hand")
    return _Position(row["since"], row["until"], row["last_id"], row["entry_id"])
