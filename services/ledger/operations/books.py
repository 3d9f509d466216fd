"""Closing the books of a program, and opening them again: see docs/adr/0013.

A closing is a fence. It is written first, so that every batch that begins from then on refuses what comes too late;
then whatever had begun before is waited for, and only then is the closing answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, Rerun, load_queries, requests
from ledger.domain.books import BooksChange, require_closable, require_reopenable
from ledger.domain.model import Program
from ledger.store import rows
from ledger.store.under_way import ended

queries = load_queries("ledger")

NEWEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class BooksOrder:
    """A closing or a reopening that is asked for. `close_time` None: nothing is to be closed any more."""

    program: Program
    close_time: datetime | None
    actor: str
    person: str
    """Who decides it: the actor, or whom the actor acts for."""
    reason: str


Check = Callable[[BooksOrder, Sequence[BooksChange], datetime], None]


class Books:
    """Closes and opens books."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def close(self, fingerprint: Fingerprint, order: BooksOrder) -> tuple[BooksChange, bool]:
        """Closes the books: once this returns, nothing that happened before the close time is posted any more.

        Answers the change, and whether the request had come before. Whoever stops waiting for what is still under way
        has closed the books all the same; the same request again is answered when that has ended.

        Raises:
            InvalidField: the close time lies in the future.
            BooksAlreadyClosed: they are closed up to that time or further.
        """
        return await self._change(fingerprint, order, _require_closable)

    async def reopen(self, fingerprint: Fingerprint, order: BooksOrder) -> tuple[BooksChange, bool]:
        """Opens the books again, from the close time on or wholly; answers as `close`.

        Raises:
            BooksNotClosed: they are not closed any further.
            SecondPersonRequired: the same person closed a part of what would be open again.
        """
        return await self._change(fingerprint, order, _require_reopenable)

    async def changes(self, program: Program, before: int, limit: int) -> Sequence[BooksChange]:
        """The newest changes with a number below `before`, newest first; those told of are in force."""
        async with self._database.acquire() as connection:
            found = await _read(connection, program, before, limit)
        await ended(self._database)  # whatever may have read the books as they were before
        return found

    async def _change(self, fingerprint: Fingerprint, order: BooksOrder, check: Check) -> tuple[BooksChange, bool]:
        program = order.program

        async def work(connection: Connection) -> bytes:
            now = await queries.clock(connection) + self._clock.offset()
            changes = await _read(connection, program, NEWEST, NEWEST)
            check(order, changes, now)
            number = changes[0].number + 1 if changes else 1
            inserted = await queries.insert_books_change(
                connection,
                shard=program.shard,
                program=program.number,
                number=number,
                close_time=order.close_time,
                actor=order.actor,
                person=order.person,
                reason=order.reason,
                record_time=now,
            )
            if not inserted:
                raise Rerun  # somebody else changed them first
            return str(number).encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        # Also where the request came before: its worker may have died while it waited.
        [change] = await self.changes(program, int(outcome) + 1, 1)
        return change, replayed


async def _read(connection: Connection, program: Program, before: int, limit: int) -> list[BooksChange]:
    found = queries.books_changes(connection, shard=program.shard, program=program.number, before=before, limit=limit)
    return [rows.books_change(row) async for row in found]


def _require_closable(order: BooksOrder, changes: Sequence[BooksChange], now: datetime) -> None:
    assert order.close_time is not None, "a closing closes something"
    if order.close_time > now:
        raise InvalidField.of("close_time", "must not lie in the future")
    require_closable(order.program, changes, order.close_time)


def _require_reopenable(order: BooksOrder, changes: Sequence[BooksChange], _now: datetime) -> None:
    require_reopenable(order.program, changes, order.close_time, order.person)
