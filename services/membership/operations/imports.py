"""Importing purchases: a chunk is one transaction of ours and one batch of the ledger's, and chunks overlap.

Chunks are recorded one after the other, because each rates by what the one before has earned. Bringing them to the
ledger does not depend on the order, so a recorded chunk is delivered while the next ones are decoded and recorded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, FieldViolation, ReplayedRefusal
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import freeze, once, thaw
from membership.domain.deliveries import Delivery
from membership.domain.errors import AccountTaken
from membership.domain.members import account_id
from membership.domain.moments import AHEAD_MAX, to_microseconds
from membership.domain.program import Program
from membership.domain.rows import Row, sort_out
from membership.operations.deliveries import Deliveries
from membership.operations.recording import Recorded, Recording, record_rows

CHUNKS_UNDER_WAY = 12
"""Recorded chunks of one stream that may be on their way to the ledger; the stream's sender waits beyond that."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that came together. `first_row` is the number of the first in the caller's file."""

    program: Program
    request_id: str
    fingerprint: Fingerprint
    first_row: int
    rows: Sequence[Row]
    enroll_unknown: bool
    actor: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a chunk; `errors` by the number of the row in the caller's file."""

    request_id: str
    first_row: int
    recorded: int
    already_recorded: int
    enrolled: int
    base_points: int
    tier_points: int
    pending: int
    errors: Sequence[tuple[int, DomainError]]
    replayed: bool


class Imports:
    """Imports of purchases."""

    def __init__(self, database: Database, deliveries: Deliveries, clock: Clock) -> None:
        self._database = database
        self._deliveries = deliveries
        self._clock = clock

    async def run(self, chunks: AsyncIterator[Chunk]) -> AsyncGenerator[Imported, None]:
        """Imports chunks as they come, and answers them in their order once they are in the ledger, whether or not
        the next one has come. What goes wrong with a chunk is raised after the chunks before it are answered.

        Raises:
            OutcomeUnknown: the ledger did not answer. What was recorded is brought there by the recovery loop.
            RequestIdReused: a chunk's id was used with another body.
        """
        under_way: asyncio.Queue[asyncio.Task[Imported] | None] = asyncio.Queue(CHUNKS_UNDER_WAY)
        recorder = asyncio.create_task(self._record_all(chunks, under_way))
        try:
            while (delivered := await under_way.get()) is not None:
                yield await delivered
            await recorder
        finally:
            recorder.cancel()
            await asyncio.gather(recorder, *_cancel_all(under_way), return_exceptions=True)

    async def _record_all(
        self, chunks: AsyncIterator[Chunk], under_way: asyncio.Queue[asyncio.Task[Imported] | None]
    ) -> None:
        """Records chunks one after the other, and begins to deliver each; None tells that no more will come."""
        try:
            async for chunk in chunks:
                outcome, delivery, replayed = await self._record(chunk)
                await under_way.put(asyncio.create_task(self._deliver(chunk, outcome, delivery, replayed=replayed)))
        except Exception:
            await under_way.put(None)
            raise
        await under_way.put(None)

    async def _record(self, chunk: Chunk) -> tuple[dict[str, Any], Delivery | None, bool]:
        """Records a chunk once; answers what became of it, what is to be delivered, and whether this is a replay."""
        now = self._clock.now()
        good, wrong = sort_out(chunk.rows, to_microseconds(now + AHEAD_MAX))
        recording = Recording(now, self._deliveries.first_due_time(), chunk.actor, bulk=True)
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            recorded = await record_rows(
                connection, chunk.program, good, recording, enroll_unknown=chunk.enroll_unknown
            )
            delivery = recorded.delivery
            return json.dumps(_outcome(recorded, wrong | recorded.refused)).encode()

        kept, replayed = await once(self._database, chunk.fingerprint, work)
        outcome = json.loads(kept)
        if replayed:
            number = outcome["delivery"]
            delivery = None if number is None else await self._deliveries.find(number)
        return outcome, delivery, replayed

    async def _deliver(
        self, chunk: Chunk, outcome: dict[str, Any], delivery: Delivery | None, *, replayed: bool
    ) -> Imported:
        errors: dict[int, DomainError] = {place: _thaw(kept) for place, kept in outcome["errors"]}
        pending = 0
        if delivery is not None:
            brought = await self._deliveries.deliver(delivery)
            pending = brought.left
            errors = _taken(chunk, brought.taken) | errors
        return Imported(
            request_id=chunk.request_id,
            first_row=chunk.first_row,
            recorded=outcome["recorded"],
            already_recorded=outcome["already"],
            enrolled=outcome["enrolled"],
            base_points=outcome["base"],
            tier_points=outcome["tier"],
            pending=pending,
            errors=[(chunk.first_row + place, errors[place]) for place in sorted(errors)],
            replayed=replayed,
        )


def _taken(chunk: Chunk, accounts: frozenset[str]) -> dict[int, DomainError]:
    """The rows, by their places, whose points the ledger cannot take because these accounts have another unit."""
    if not accounts:
        return {}
    account_ids = ((row.place, account_id(row.member_id)) for row in chunk.rows)
    return {
        place: AccountTaken(f"{chunk.program.name}/accounts/{account}")
        for place, account in account_ids
        if account in accounts
    }


def _cancel_all(tasks: asyncio.Queue[asyncio.Task[Imported] | None]) -> list[asyncio.Task[Imported]]:
    """Cancels what is still under way: the recovery loop will deliver it."""
    left = []
    while not tasks.empty():
        task = tasks.get_nowait()
        if task is not None:
            task.cancel()
            left.append(task)
    return left


def _outcome(recorded: Recorded, refused: dict[int, DomainError]) -> dict[str, Any]:
    """What is kept of a chunk's answer: counts, and what its rows were refused for; no row's content."""
    return {
        "recorded": len(recorded.rated),
        "already": len(recorded.already_recorded),
        "enrolled": len(recorded.enrolled),
        "base": sum(one.base_points for one in recorded.rated),
        "tier": sum(one.tier_points for one in recorded.rated),
        "errors": [[place, _freeze(refused[place])] for place in sorted(refused)],
        "delivery": recorded.delivery.delivery_no if recorded.delivery else None,
    }


def _freeze(refusal: DomainError) -> dict[str, Any]:
    violations = [[one.field, one.description] for one in refusal.violations]
    return {**freeze(refusal), "violations": violations}


def _thaw(kept: dict[str, Any]) -> ReplayedRefusal:
    refusal = thaw(kept)
    refusal.violations = tuple(FieldViolation(*one) for one in kept["violations"])
    return refusal
