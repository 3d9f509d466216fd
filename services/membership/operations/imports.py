"""Importing purchases: a chunk is one transaction of ours and one batch of the ledger's, and chunks overlap.

Chunks are recorded one after the other, because each rates by what the one before has earned.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from guerdon_kit.chunks import freeze_row, overlapped
from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.deliveries import Delivery
from membership.domain.moments import AHEAD_MAX, to_microseconds
from membership.domain.program import Program
from membership.domain.rows import Row, sort_out
from membership.operations.chunks import bring
from membership.operations.deliveries import Deliveries
from membership.operations.recording import Recorded, Recording, record_rows
from membership.operations.rules import Rulebooks


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
    rule_points: int
    pending: int
    errors: Sequence[tuple[int, DomainError]]
    replayed: bool


class Imports:
    """Imports of purchases."""

    def __init__(self, database: Database, deliveries: Deliveries, rulebooks: Rulebooks, clock: Clock) -> None:
        self._database = database
        self._deliveries = deliveries
        self._rulebooks = rulebooks
        self._clock = clock

    async def run(self, chunks: AsyncIterator[Chunk]) -> AsyncGenerator[Imported, None]:
        """Imports chunks as they come, and answers them in their order once they are in the ledger, whether or not
        the next one has come. What goes wrong with a chunk is raised after the chunks before it are answered.

        Raises:
            OutcomeUnknown: the ledger did not answer. What was recorded is brought there by the recovery loop.
            RequestIdReused: a chunk's id was used with another body.
        """
        async with aclosing(overlapped(chunks, self._begin)) as answers:
            async for answer in answers:
                yield answer

    async def _begin(self, chunk: Chunk) -> Coroutine[Any, Any, Imported]:
        outcome, delivery, replayed = await self._record(chunk)
        return self._deliver(chunk, outcome, delivery, replayed=replayed)

    async def _record(self, chunk: Chunk) -> tuple[dict[str, Any], Delivery | None, bool]:
        """Records a chunk once; answers what became of it, what is to be delivered, and whether this is a replay."""
        now = self._clock.now()
        good, wrong = sort_out(chunk.rows, to_microseconds(now + AHEAD_MAX))
        recording = Recording(now, self._deliveries.first_due_time(), chunk.actor, bulk=True)
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            recorded = await record_rows(
                connection, chunk.program, self._rulebooks, good, recording, enroll_unknown=chunk.enroll_unknown
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
        pending, errors = await bring(self._deliveries, delivery, chunk.rows, outcome["errors"])
        return Imported(
            request_id=chunk.request_id,
            first_row=chunk.first_row,
            recorded=outcome["recorded"],
            already_recorded=outcome["already"],
            enrolled=outcome["enrolled"],
            base_points=outcome["base"],
            tier_points=outcome["tier"],
            rule_points=outcome["rule"],
            pending=pending,
            errors=[(chunk.first_row + place, errors[place]) for place in sorted(errors)],
            replayed=replayed,
        )


def _outcome(recorded: Recorded, refused: dict[int, DomainError]) -> dict[str, Any]:
    """What is kept of a chunk's answer: counts, and what its rows were refused for; no row's content."""
    return {
        "recorded": len(recorded.rated),
        "already": len(recorded.already_recorded),
        "enrolled": len(recorded.enrolled),
        "base": sum(one.base_points for one in recorded.rated),
        "tier": sum(one.tier_points for one in recorded.rated),
        "rule": sum(one.rule_points for one in recorded.rated),
        "errors": [[place, freeze_row(refused[place])] for place in sorted(refused)],
        "delivery": recorded.delivery.delivery_no if recorded.delivery else None,
    }
