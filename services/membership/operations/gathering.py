"""Purchases that come at the same time are recorded in one transaction and brought to the ledger in one batch.

A till's purchase costs as many statements as a chunk of a thousand.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError
from guerdon_kit.gathering import Gathering
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import find_all, record_all
from membership.domain.deliveries import Delivery
from membership.domain.program import Program
from membership.domain.purchases import Purchase
from membership.domain.rows import Row
from membership.operations.deliveries import MARGIN_S, Deliveries
from membership.operations.found import find_purchases
from membership.operations.recording import Recorded, Recording, record_rows
from membership.operations.rules import Rulebooks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gathered:
    """What became of a purchase: whether it was recorded before by another request, whether this is a replay, the
    number of the delivery that brings it to the ledger, and how its group is told of once that is tried, by their ids.
    """

    already: bool
    replayed: bool
    delivery_no: int | None
    group: asyncio.Task[dict[str, Purchase]] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    program: Program
    row: Row
    fingerprint: Fingerprint

    @property
    def names(self) -> tuple[bytes, str]:
        """What no two of a group have in common: different requests, of different purchases."""
        return self.fingerprint.key, self.row.purchase_id


class GatheredPurchases:
    """Records purchases together that come at the same time, each program's and each caller's apart."""

    def __init__(self, database: Database, deliveries: Deliveries, rulebooks: Rulebooks, clock: Clock) -> None:
        self._database = database
        self._deliveries = deliveries
        self._rulebooks = rulebooks
        self._clock = clock
        self._gathering = Gathering(self._record, lambda asked: asked.names)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def record(self, program: Program, row: Row, fingerprint: Fingerprint, actor: str) -> Gathered:
        """Records a purchase, which is within its bounds.

        Raises:
            NotFound, PurchaseDiffers, MemberClosed, MemberErased: it is refused.
            RequestIdReused, ReplayedRefusal: as requests are.
            Unavailable: PostgreSQL is away; the same request may be sent again to learn the outcome.
        """
        return await self._gathering.do((program.program_no, actor), _Asked(program, row, fingerprint))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Has something done, whoever may still wait for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _record(self, key: tuple[int, str], group: Sequence[_Asked]) -> list[Gathered | Exception]:
        program = group[-1].program
        recording = Recording(self._clock.now(), self._deliveries.first_due_time(), key[1])

        async def unit(
            connection: Connection,
        ) -> tuple[list[bytes | DomainError | None], dict[int, Told], Recorded | None]:
            found = await find_all(connection, [one.fingerprint for one in group])
            rows = [one.row._replace(place=place) for place, one in enumerate(group) if found[place] is None]
            if not rows:
                return found, {}, None
            recorded = await record_rows(connection, program, self._rulebooks, rows, recording, enroll_unknown=False)
            number = recorded.delivery.delivery_no if recorded.delivery else None
            made = {
                row.place: Told(already=row.place in recorded.already_recorded, delivery=number)
                for row in rows
                if row.place not in recorded.refused
            }
            if made:
                await record_all(
                    connection, [(group[place].fingerprint, json.dumps(told).encode()) for place, told in made.items()]
                )
            return found, made, recorded

        found, made, recorded = await self._database.run(unit, repeatable=True)
        recorded_ids = [group[place].row.purchase_id for place, told in made.items() if not told["already"]]
        delivery = recorded.delivery if recorded is not None else None
        bringing = self._begin(self._bring(program, delivery, recorded_ids)) if recorded_ids else None
        answers: list[Gathered | Exception] = []
        for place, before in enumerate(found):
            if isinstance(before, DomainError):
                answers.append(before)
            elif before is not None:
                answers.append(_gathered(json.loads(before), replayed=True))
            elif place in made:
                told = made[place]
                answers.append(_gathered(told, replayed=False, group=None if told["already"] else bringing))
            else:
                assert recorded is not None
                answers.append(recorded.refused[place])
        return answers

    async def _bring(self, program: Program, delivery: Delivery | None, ids: Sequence[str]) -> dict[str, Purchase]:
        """Brings a group to the ledger, if that answers in time, and reads it once for all who asked."""
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, self._deliveries.patience_s + MARGIN_S)
        return await find_purchases(self._database, program, ids)


class Told(TypedDict):
    """What is kept of a request's outcome."""

    already: bool
    delivery: int | None


def _gathered(told: Told, *, replayed: bool, group: asyncio.Task[dict[str, Purchase]] | None = None) -> Gathered:
    return Gathered(told["already"], replayed, told["delivery"], group)
